"""Device numbers that reach the host at the next flush, all in one copy."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from surefoot.capture.unseen import readable

Receiver = Callable[[list[float]], None]


class Deferred:
    """Small device vectors, each with the function that receives its numbers."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Receiver]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, values: Tensor, receive: Receiver) -> None:
        """Hand `values` (any shape) to `receive` as a flat list of floats at the next flush; never if unreadable."""
        found = readable(values)
        if found is not None:
            self._waiting.append((found.detach().reshape(-1), receive))

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
    alike: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for index, vector in enumerate(vectors):
        alike.setdefault((vector.device, vector.dtype), []).append(index)
    for (_, dtype), indices in alike.items():
        joined = torch.cat([vectors[index] for index in indices])
        numbers = (joined if dtype == torch.float64 else joined.to(torch.float32)).tolist()
        start = 0
        for index in indices:
            end = start + vectors[index].shape[0]
            result[index] = numbers[start:end]
            start = end
    return result


def scalars_to_host(scalars: Sequence[Tensor]) -> list[float]:
    """The same for tensors of shape (), which are most of what a flush has."""
    if not scalars:
        return []
    first = scalars[0]
    if all(tensor.dtype is first.dtype and tensor.device == first.device for tensor in scalars):
        numbers: list[float] = torch.stack(list(scalars)).tolist()
        return numbers
    return [numbers[0] for numbers in to_host([tensor.reshape(1) for tensor in scalars])]
