"""The history of norms on an accelerator, kept sorted there: percentiles without a host synchronisation.

    U: units that have a history of their own      C: capacity, at least the window or the steps so far

Each row is sorted and filled up with infinities. A step takes one value out of each row (an infinity, or
what leaves the window) and puts one in: two binary searches and one shift. Values that are not to be
recorded replace what they would push out by itself, so the number of operations never depends on a number
that only the device knows.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

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
        capacity = window or _capacity_for(self._steps + 1)
        rows = torch.full((units, capacity), torch.inf, dtype=dtype)
        for row, values in zip(rows, start, strict=True):
            row[: len(values)] = values
        self._count = torch.tensor([len(values) for values in start], dtype=torch.int64, device=device)
        self._recent = rows.to(device) if window else None  # in order of arrival, slot = count % window
        self._sorted = rows.sort(dim=1).values.to(device)
        self._places = torch.arange(capacity, device=device)

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
        if self._recent is None:
            leaving = torch.full_like(values, torch.inf)
        else:
            slot = (self._count % self._recent.shape[1]).unsqueeze(1)
            leaving = self._recent.gather(1, slot).squeeze(1)
        entering = torch.where(record, values, leaving)
        if self._recent is not None:
            self._recent.scatter_(1, slot, entering.unsqueeze(1))
        self._replace(leaving.unsqueeze(1), entering.unsqueeze(1))
        self._count += record
        return self.thresholds()

    def thresholds(self) -> Tensor:
        """The percentiles of what is held, shape (U,)."""
        held = self._count if self._window is None else self._count.clamp(max=self._window)
        last = (held - 1).clamp(min=0)
        rank = last.to(self._sorted.dtype) * self._quantile
        below = rank.floor()
        weight = rank - below
        index = below.to(torch.int64)
        low = self._sorted.gather(1, index.unsqueeze(1)).squeeze(1)
        high = self._sorted.gather(1, torch.minimum(index + 1, last).unsqueeze(1)).squeeze(1)
        # numpy's two branches, so that rounding is numpy's too.
        step = high - low
        percentile = torch.where(weight >= 0.5, high - step * (1 - weight), low + step * weight)
        return torch.where(held > 0, percentile, torch.nan)

    def values(self) -> list[Tensor]:
        """What each unit holds, float64, on the host: oldest first under a window, else sorted."""
        counts = self._count.cpu().tolist()
        if self._recent is None:
            return [row[:count].double() for row, count in zip(self._sorted.cpu(), counts, strict=True)]
        window = self._recent.shape[1]
        return [
            (row[:count] if count <= window else row.roll(-(count % window))).double()
            for row, count in zip(self._recent.cpu(), counts, strict=True)
        ]

    def _replace(self, old: Tensor, new: Tensor) -> None:
        """Take one `old` out of each sorted row and put `new` in, both shape (U, 1)."""
        taken = torch.searchsorted(self._sorted, old)
        # Counted among the values that remain: everything between moves over by one.
        given = torch.searchsorted(self._sorted, new) - (new > old).to(torch.int64)
        places = self._places
        source = (
            places
            + ((places >= taken) & (places < given)).to(torch.int64)
            - ((places > given) & (places <= taken)).to(torch.int64)
        )
        moved = self._sorted.gather(1, source)
        self._sorted.copy_(moved.scatter_(1, given, new))

    def _make_room(self) -> None:
        self._steps += 1
        capacity = self._sorted.shape[1]
        # One infinity must remain to be taken out.
        if self._window is None and self._steps > capacity:
            grown = self._sorted.new_full((self._sorted.shape[0], _capacity_for(self._steps)), torch.inf)
            grown[:, :capacity] = self._sorted
            self._sorted = grown
            self._places = torch.arange(grown.shape[1], device=grown.device)


def _capacity_for(steps: int) -> int:
    capacity = _SMALLEST_CAPACITY
    while capacity < steps:
        capacity *= 2
    return capacity
