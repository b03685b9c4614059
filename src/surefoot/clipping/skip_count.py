"""How many steps in a row were left out: known on the host, on the device, or on the way from there."""

from __future__ import annotations

import torch
from torch import Tensor

from surefoot.clipping.skipping import LateNumber


class SkipCount:
    """Steps left out in a row, wherever that is counted."""

    def __init__(self) -> None:
        self._number = 0
        self._on_device: Tensor | None = None
        self._late: LateNumber | None = None

    def reset(self) -> None:
        """A step was taken."""
        self._number = 0

    def add(self) -> int:
        """A step is left out; returns how many in a row."""
        self._number += 1
        return self._number

    def add_on_device(self, bad: Tensor, overflow: Tensor | None) -> None:
        """A step is left out where `bad`; a GradScaler's `overflow` neither counts nor ends a row. Both shape (), bool.

        Effects: the new count sets out for the host, unless an earlier one is still on its way.
        """
        before = self._on_device
        if before is None:
            before = torch.full((), self._number, dtype=torch.int64, device=bad.device)
        added = 1 if overflow is None else ~overflow
        self._on_device = (before + added) * bad
        if self._late is None:
            self._late = LateNumber(self._on_device)

    def arrived(self) -> int:
        """The count that has meanwhile come from the device; 0 while none has."""
        number = None if self._late is None else self._late.read()
        if number is None:
            return 0
        self._late = None
        return int(number)

    def forget_device(self) -> None:
        """Count anew there."""
        self._on_device = None

    @property
    def number(self) -> int:
        """The count; waits for the device that counts."""
        if self._on_device is not None:
            self._number = int(self._on_device.cpu().numpy())
        return self._number

    @number.setter
    def number(self, number: int) -> None:
        self._number, self._on_device, self._late = number, None, None
