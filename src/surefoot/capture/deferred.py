"""Device numbers that reach the host at the next flush, all in one copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Receiver = Callable[[list[float]], None]


class Deferred:
    """Small device vectors, each with the function that receives its numbers."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Receiver]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, values: Tensor, receive: Receiver) -> None:
        """Hand `values` (any shape) to `receive` as a flat list of floats at the next flush."""
        self._waiting.append((values.detach().reshape(-1), receive))

    def deliver(self) -> None:
        """Copy everything that waits and hand it over; called at a flush alone."""
        waiting = self._waiting[:]
        del self._waiting[: len(waiting)]  # another thread may be adding to its end
        numbers = to_host([values for values, _ in waiting])
        for (_, receive), values in zip(waiting, numbers, strict=True):
            receive(values)


def to_host(vectors: Sequence[Tensor]) -> list[list[float]]:
    """Numbers of many small vectors with one copy for each device.

    Args:
        vectors: One dimension each, any dtype, any devices.

    Returns:
        Lists of floats in the same order.
    """
    result: list[list[float]] = [[] for _ in vectors]
    by_device: dict[torch.device, list[int]] = {}
    for index, vector in enumerate(vectors):
        by_device.setdefault(vector.device, []).append(index)
    for indices in by_device.values():
        joined = torch.cat([vectors[index].to(torch.float32) for index in indices]).tolist()
        start = 0
        for index in indices:
            end = start + vectors[index].numel()
            result[index] = joined[start:end]
            start = end
    return result
