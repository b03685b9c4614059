"""A sorted multiset of floats in packed blocks.

Each block is a sorted array of a few hundred values: 4 bytes a value while all of them are float32 numbers, 8 once
one is not. Inserting or removing moves part of one block; reading near the last place read is immediate.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable

import numpy as np

# Insertion moves at most this many values; 512 was fastest of 128 to 4096 at a million values.
_BLOCK = 512


class SortedBlocks:
    """A sorted multiset of floats that knows its k-th smallest value.

    Example:
        >>> blocks = SortedBlocks([3.0, 1.0, 2.0])
        >>> blocks.add(1.5)
        >>> [blocks[k] for k in range(4)]
        [1.0, 1.5, 2.0, 3.0]
    """

    __slots__ = ("_at", "_before", "_blocks", "_count", "_largest", "_typecode")

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._blocks: list[array[float]] = []
        self._largest: list[float] = []  # of each block
        self._count = 0
        # The block of the last read and the number of values before it.
        self._at = 0
        self._before = 0
        data = np.sort(np.asarray(list(values), dtype=np.float64))
        with np.errstate(over="ignore"):
            narrow = bool(np.all(data.astype(np.float32) == data))
        self._typecode = "f" if narrow else "d"
        for start in range(0, len(data), 2 * _BLOCK // 3):
            block = array(self._typecode, data[start : start + 2 * _BLOCK // 3].tolist())
            self._blocks.append(block)
            self._largest.append(block[-1])
            self._count += len(block)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, k: int) -> float:
        """The k-th smallest value, 0 <= k < len(self)."""
        blocks, at, before = self._blocks, self._at, self._before
        while k < before:
            at -= 1
            before -= len(blocks[at])
        while k >= before + len(blocks[at]):
            before += len(blocks[at])
            at += 1
        self._at, self._before = at, before
        return blocks[at][k - before]

    def add(self, value: float) -> None:
        """Insert a value; NaN is not allowed."""
        self._count += 1
        largest = self._largest
        i = bisect_left(largest, value)
        if i == len(largest):
            if not i:
                largest.append(value)
                self._blocks.append(array(self._typecode))
            else:
                i -= 1
                largest[i] = value
        block = self._blocks[i]
        if self._typecode == "f":
            place = bisect_left(block, value)
            block.insert(place, value)
            if block[place] != value:
                self._widen(i, place, value)
        else:
            insort(block, value)
        if i < self._at:
            self._before += 1
        if len(self._blocks[i]) > _BLOCK:
            self._split(i)

    def remove(self, value: float) -> None:
        """Take out one value that is present."""
        i = bisect_left(self._largest, value)
        block = self._blocks[i]
        del block[bisect_left(block, value)]
        self._count -= 1
        if i < self._at:
            self._before -= 1
        if block:
            self._largest[i] = block[-1]
        if len(block) < _BLOCK // 4:
            self._merge(i)

    def values(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """All values in order, shape (n,), float64."""
        if not self._blocks:
            return np.empty(0)
        return np.concatenate([np.frombuffer(block, dtype=self._typecode) for block in self._blocks]).astype(
            np.float64
        )

    @property
    def nbytes(self) -> int:
        """Bytes held, the containers included."""
        per_block = sum(block.__sizeof__() for block in self._blocks)
        return per_block + self._blocks.__sizeof__() + self._largest.__sizeof__() + 24 * len(self._largest)

    def _widen(self, i: int, place: int, value: float) -> None:
        self._typecode = "d"
        self._blocks = [array("d", block) for block in self._blocks]
        self._blocks[i][place] = value

    def _split(self, i: int) -> None:
        block = self._blocks[i]
        half = len(block) // 2
        self._blocks[i : i + 1] = [block[:half], block[half:]]
        self._largest.insert(i, block[half - 1])
        if i < self._at:
            self._at += 1

    def _merge(self, i: int) -> None:
        """Join a thin block to its neighbour, so that a window that drifts keeps few blocks."""
        if len(self._blocks) > 1:
            first = i if i + 1 < len(self._blocks) else i - 1
            joined = self._blocks[first] + self._blocks[first + 1]
            self._blocks[first : first + 2] = [joined]
            del self._largest[first]
            self._largest[first] = joined[-1] if joined else self._largest[first]
            self._at = self._before = 0
            if len(joined) > _BLOCK:
                self._split(first)
        elif not self._blocks[0]:
            self._blocks, self._largest = [], []
            self._at = self._before = 0
