"""The history of norms on the host: any percentile of it, exact, in O(log n) a step.

Of a full history only the values near the percentile have to be in order, see `FullHistory`. A window also has to
forget, so all of it is kept sorted, see `WindowHistory`.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from math import floor, inf, nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.clipping.blocks import SortedBlocks

# Of each side of the percentile, at least this many values are kept in order, or one in so many.
_NEAR, _SHARE = 128, 64


def percentile_history(
    percentile: float, window: int | None = None, values: Sequence[float] = ()
) -> FullHistory | WindowHistory:
    """A history of norms and its percentile.

    Args:
        percentile: In [0, 100].
        window: How many values to keep; None keeps all.
        values: What is in it already, finite, oldest first.

    Example:
        >>> history = percentile_history(50)
        >>> [history.observe(norm) for norm in (1.0, 3.0, 2.0, 8.0)]
        [1.0, 2.0, 2.0, 2.5]
    """
    if window is None:
        return FullHistory(percentile, values)
    return WindowHistory(percentile, window, values)


class FullHistory:
    """All norms so far.

    Two heaps meet at the percentile: the largest of the values below it and the smallest of those above. Only the
    values near it are in the heaps. The others wait, packed and in no order, until the percentile has moved so far
    that a heap runs dry; it is filled again with one in 64 of those waiting, so that a step's share of that work
    does not grow with the history.
    """

    __slots__ = (
        "_above",
        "_below",
        "_ceiling",
        "_count",
        "_far",
        "_floor",
        "_high",
        "_low",
        "_most",
        "_quantile",
    )

    def __init__(self, percentile: float, values: Sequence[float] = ()) -> None:
        self._quantile = percentile / 100
        ordered = np.sort(np.asarray(values, dtype=np.float64))
        with np.errstate(over="ignore"):
            narrow = bool(np.all(ordered.astype(np.float32) == ordered))
        self._count = len(ordered)
        # How many values lie below: those of rank 0 to floor(rank of the percentile).
        self._below = floor((self._count - 1) * self._quantile) + 1 if self._count else 0
        self._low: list[float] = (-ordered[: self._below]).tolist()  # negated: heapq gives the smallest
        self._high: list[float] = ordered[self._below :].tolist()
        heapify(self._low)
        heapify(self._high)
        typecode = "f" if narrow else "d"
        self._far: tuple[array[float], array[float]] = (array(typecode), array(typecode))
        self._floor, self._ceiling = -inf, inf  # what waits is not above the one, not below the other
        self._most = 0
        self._thin_out()

    def __len__(self) -> int:
        return self._count

    def observe(self, value: float) -> float:
        """Add a finite value and return the percentile, the value included."""
        low, high = self._low, self._high
        last = self._count
        self._count = last + 1
        rank = last * self._quantile
        place = floor(rank)
        if low and value < -low[0]:
            self._below += 1
            if value < self._floor:
                self._wait(0, value)
            else:
                heappush(low, -value)
        elif value > self._ceiling:
            self._wait(1, value)
        else:
            heappush(high, value)
        while self._below <= place:
            heappush(low, -heappop(high))
            self._below += 1
            if not high and self._far[1]:
                self._fill_high()
        while self._below > place + 1:
            heappush(high, -heappop(low))
            self._below -= 1
            if not low:
                self._fill_low()
        if len(low) > self._most or len(high) > self._most:
            self._thin_out()
        # As in `threshold`, with the rank at hand.
        lower = -self._low[0]
        if place >= last:
            return lower
        upper = self._high[0]
        weight = rank - place
        if weight >= 0.5:
            return upper - (upper - lower) * (1 - weight)
        return lower + (upper - lower) * weight

    def threshold(self) -> float:
        """The percentile, bitwise `numpy.percentile` of the float64 values held; NaN when there are none."""
        last = self._count - 1
        if last < 0:
            return nan
        upper = self._high[0] if self._high else inf
        return interpolated(last * self._quantile, last, -self._low[0], upper)

    def values(self) -> NDArray[np.float64]:
        """What is held, shape (n,), float64, sorted."""
        near = np.concatenate(
            [-np.array(self._low, dtype=np.float64), np.array(self._high, dtype=np.float64)]
        )
        return np.sort(np.concatenate([*(np.array(far, dtype=np.float64) for far in self._far), near]))

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        near = sum(24 * len(heap) + heap.__sizeof__() for heap in (self._low, self._high))
        return near + sum(far.__sizeof__() for far in self._far)

    def _wait(self, side: int, value: float) -> None:
        far = self._far[side]
        far.append(value)
        if far[-1] != value:
            # Not a float32 number: from now on all are kept in 8 bytes.
            wide = (array("d", self._far[0]), array("d", self._far[1]))
            wide[side][-1] = value
            self._far = wide

    def _fill_low(self) -> None:
        waiting = np.array(self._far[0])
        keep = min(self._near(), len(waiting))
        parted = np.partition(waiting, len(waiting) - keep)
        rest, nearest = parted[:-keep], parted[-keep:]
        self._floor = float(nearest[0]) if len(rest) else -inf
        self._low.extend((-nearest.astype(np.float64)).tolist())
        heapify(self._low)
        self._far = (_packed(rest), self._far[1])

    def _fill_high(self) -> None:
        waiting = np.array(self._far[1])
        keep = min(self._near(), len(waiting))
        parted = np.partition(waiting, keep - 1)
        nearest, rest = parted[:keep], parted[keep:]
        self._ceiling = float(nearest[-1]) if len(rest) else inf
        self._high.extend(nearest.tolist())
        heapify(self._high)
        self._far = (self._far[0], _packed(rest))

    def _thin_out(self) -> None:
        """Send the far ends of heaps that have grown too long to wait."""
        keep = self._near()
        self._most = 4 * keep
        if len(self._low) > self._most:
            self._low.sort()
            self._floor = -self._low[keep - 1]
            for value in self._low[keep:]:
                self._wait(0, -value)
            del self._low[keep:]
        if len(self._high) > self._most:
            self._high.sort()
            self._ceiling = self._high[keep - 1]
            for value in self._high[keep:]:
                self._wait(1, value)
            del self._high[keep:]

    def _near(self) -> int:
        return max(_NEAR, self._count // _SHARE)


class WindowHistory:
    """The last `window` norms."""

    __slots__ = ("_oldest", "_quantile", "_recent", "_sorted", "_window")

    def __init__(self, percentile: float, window: int, values: Sequence[float] = ()) -> None:
        self._quantile = percentile / 100
        self._window = window
        start = list(values)[-window:]
        self._sorted = SortedBlocks(start)
        self._recent = array("d", start)
        self._oldest = 0  # slot of the next value to leave, once the window is full

    def __len__(self) -> int:
        return len(self._sorted)

    def observe(self, value: float) -> float:
        """Add a finite value and return the percentile, the value included."""
        recent = self._recent
        if len(recent) < self._window:
            recent.append(value)
        else:
            self._sorted.remove(recent[self._oldest])
            recent[self._oldest] = value
            self._oldest = (self._oldest + 1) % self._window
        self._sorted.add(value)
        return self.threshold()

    def threshold(self) -> float:
        """The percentile, bitwise `numpy.percentile` of the float64 values held; NaN when there are none."""
        ordered = self._sorted
        last = len(ordered) - 1
        if last < 0:
            return nan
        rank = last * self._quantile
        place = floor(rank)
        lower = ordered[min(place, last)]
        return interpolated(rank, last, lower, ordered[place + 1] if place < last else inf)

    def values(self) -> NDArray[np.float64]:
        """What is held, shape (n,), float64, oldest first."""
        return np.roll(np.array(self._recent, dtype=np.float64), -self._oldest)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self._sorted.nbytes + self._recent.__sizeof__()


def interpolated(rank: float, last: int, lower: float, upper: float) -> float:
    """Between the values below and above a rank, in numpy's two branches, so that rounding is numpy's too."""
    weight = rank - floor(rank)
    if rank >= last:
        return lower
    if weight >= 0.5:
        return upper - (upper - lower) * (1 - weight)
    return lower + (upper - lower) * weight


def _packed(values: NDArray[Any]) -> array[float]:
    packed: array[float] = array(values.dtype.char)
    packed.frombytes(values.tobytes())
    return packed
