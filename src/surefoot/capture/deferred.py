"""Device numbers that reach the host at the next flush, all in one copy.

Any thread may copy them; their receivers change what capture keeps, so they run on the training's own thread alone, at
its next event, or on whichever thread closes the observation when no more events come.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Receiver = Callable[[list[float]], None]


class Deferred:
    """Small device vectors, each with the function that receives its numbers.

    Attributes:
        arrivals: Numbers that wait for the training's thread.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Tensor, Receiver]] = []
        self.arrivals: list[tuple[Receiver, list[float]]] = []
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting) + len(self.arrivals)

    def add(self, values: Tensor, receive: Receiver) -> None:
        """Hand `values` (any shape) to `receive` as a flat list of floats at the next flush."""
        if not self._closed:
            self._waiting.append((values.detach().reshape(-1), receive))

    def arrived(self, receive: Receiver, numbers: list[float]) -> None:
        """Hand over numbers that are on the host already."""
        if not self._closed:
            self.arrivals.append((receive, numbers))

    def collect(self) -> None:
        """Copy everything that waits to the host; called at a flush alone, on any thread."""
        waiting = self._waiting[:]
        numbers = to_host([values for values, _ in waiting])
        pairs = [(receive, own) for (_, receive), own in zip(waiting, numbers, strict=True)]
        count = len(pairs)  # another thread may be adding to its end
        # In one: no interruption comes in between.
        self.arrivals[len(self.arrivals) :], self._waiting[:count] = pairs, ()

    def hand_over(self) -> None:
        """Give what has arrived to its receivers; on the training's thread alone."""
        while True:
            # In one: a signal handler that trains may empty the list between a test and what relies on it.
            first, self.arrivals[:1] = self.arrivals[:1], ()
            if not first:
                return
            for receive, numbers in first:
                receive(numbers)

    def close(self) -> None:
        """Drop everything, and take nothing more."""
        self._closed = True
        self._waiting.clear()
        self.arrivals.clear()


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
