"""The history of norms on an accelerator, kept sorted there: percentiles without a host synchronisation.

    U: units that have a history of their own      C: capacity, at least the window or the steps so far

Each row is sorted, filled up with infinities and has one column more at either end, so that putting a value in
or taking one out is a choice between neighbours: two operations for all entries at once. Values that are not to
be recorded are put in as what would be pushed out by itself, so the operations never depend on a number that only
the device knows. A launch costs more than the work it does here, hence as few of them as can be.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from surefoot.clipping.device_numbers import device_number

_SMALLEST_CAPACITY = 1024


class DevicePercentiles:
    """Histories of several units in one batch.

    Args:
        percentile: In [0, 100].
        window: How many values each unit keeps; None keeps all.
        start: What each unit's history holds already: one float64 host tensor a unit, oldest first under a
            window.
        device: Where it lives.
    """

    def __init__(
        self, percentile: float, window: int | None, start: Sequence[Tensor], device: torch.device
    ) -> None:
        self._quantile = percentile / 100
        self._window = window
        dtype = torch.float32 if device.type == "mps" else torch.float64  # no float64 there
        units = len(start)
        if window:
            start = [values[-window:] for values in start]
        # Steps so far are known on the host only as an upper bound: skipped ones are counted, too.
        self._steps = max((len(values) for values in start), default=0)
        capacity = window or _capacity_for(self._steps)
        rows = torch.full((units, capacity), torch.inf, dtype=dtype)
        for row, values in zip(rows, start, strict=True):
            row[: len(values)] = values
        self._count = torch.tensor([len(values) for values in start], dtype=torch.int64, device=device)
        self._recent = rows.to(device) if window else None  # in order of arrival, slot = count % window
        self._sorted = _with_ends(rows.sort(dim=1).values.to(device))
        self._other = self._sorted.clone()  # what the next state is written into
        self._ranks, self._weights = self._table(capacity)

    def observe(self, values: Tensor, record: Tensor) -> Tensor:
        """Record values and return the percentiles.

        Args:
            values: Shape (U,), finite where `record`.
            record: Shape (U,), bool.

        Returns:
            Percentile of each unit, shape (U,): bitwise `numpy.percentile` of the float64 values where the
            device rounds as IEEE 754 does; NaN for a unit without values.

        Effects: no host synchronisation.
        """
        self._make_room()
        values, flags = values.unsqueeze(1), record.unsqueeze(1)
        if self._recent is None:
            entering = torch.where(flags, values, device_number(torch.inf, values.device, values.dtype))
        else:
            slot = (self._count % self._recent.shape[1]).unsqueeze(1)
            leaving = self._recent.gather(1, slot)
            entering = torch.where(flags, values, leaving)
            self._recent.scatter_(1, slot, entering)
            self._take_out(leaving)
        self._put_in(entering)
        self._count += record
        return self.thresholds()

    def thresholds(self) -> Tensor:
        """The percentiles of what is held, shape (U,)."""
        held = self._count if self._window is None else self._count.clamp(max=self._window)
        nearest, low, high = self._sorted.gather(1, self._ranks.index_select(0, held)).unbind(1)
        return nearest + (high - low) * self._weights.index_select(0, held)

    def values(self) -> list[Tensor]:
        """What each unit holds, float64, on the host: oldest first under a window, else sorted."""
        counts = self._count.cpu().tolist()
        if self._recent is None:
            held = self._sorted[:, 1:-1].cpu()
            return [row[:count].double() for row, count in zip(held, counts, strict=True)]
        window = self._recent.shape[1]
        return [
            (row[:count] if count <= window else row.roll(-(count % window))).double()
            for row, count in zip(self._recent.cpu(), counts, strict=True)
        ]

    def _take_out(self, old: Tensor) -> None:
        """Take one `old`, shape (U, 1), out of each row: from its place on, each entry becomes the next one."""
        present, following = self._sorted[:, 1:-1], self._sorted[:, 2:]
        torch.where(present < old, present, following, out=self._other[:, 1:-1])
        self._sorted, self._other = self._other, self._sorted

    def _put_in(self, new: Tensor) -> None:
        """Put `new`, shape (U, 1), into each row: an entry above it becomes the larger of it and its neighbour."""
        written = self._other[:, 1:-1]
        torch.maximum(self._sorted[:, :-2], new, out=written)
        torch.minimum(written, self._sorted[:, 1:-1], out=written)
        self._sorted, self._other = self._other, self._sorted

    def _table(self, capacity: int) -> tuple[Tensor, Tensor]:
        """For each number of values held: columns of the nearest, the lower and the higher one; the weight of their
        difference."""
        last = np.maximum(np.arange(capacity + 1) - 1, 0)
        rank = last * self._quantile
        low = np.floor(rank)
        weight = rank - low
        high = np.minimum(low + 1, last)
        upper = weight >= 0.5  # numpy's two branches, so that rounding is numpy's too
        columns = np.stack([np.where(upper, high, low), low, high], axis=1).astype(np.int64) + 1
        weights = np.where(upper, weight - 1, weight)
        weights[0] = np.nan
        device, dtype = self._sorted.device, self._sorted.dtype
        return torch.from_numpy(columns).to(device), torch.from_numpy(weights).to(device, dtype)

    def _make_room(self) -> None:
        self._steps += 1
        held = self._sorted[:, 1:-1]
        capacity = held.shape[1]
        if self._window is None and self._steps > capacity:
            grown = held.new_full((held.shape[0], _capacity_for(self._steps)), torch.inf)
            grown[:, :capacity] = held
            self._sorted = _with_ends(grown)
            self._other = self._sorted.clone()
            self._ranks, self._weights = self._table(grown.shape[1])


def _with_ends(rows: Tensor) -> Tensor:
    """Rows between a column of -infinity and one of infinity."""
    end = rows.new_full((rows.shape[0], 1), torch.inf)
    return torch.cat([-end, rows, end], dim=1)


def _capacity_for(steps: int) -> int:
    capacity = _SMALLEST_CAPACITY
    while capacity < steps:
        capacity *= 2
    return capacity
