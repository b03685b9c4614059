"""The same factor at every step."""

from __future__ import annotations

from dataclasses import dataclass

from surefoot.schedules.base import Schedule
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of


@dataclass(frozen=True, repr=False)
class Constant(Schedule):
    """The same factor at every step: f(t) = value.

    Args:
        value: The factor, >= 0.
        length: Steps or epochs until something may follow; by default it never ends.

    Raises:
        SettingError: A setting outside its range.

    Example:
        >>> Constant(0.5).values([0, 100])
        [0.5, 0.5]
    """

    value: float = 1.0
    length: int | Epochs | None = None

    def __post_init__(self) -> None:
        check_factor("The constant factor", self.value)
        if self.length is not None:
            check_length("constant length", self.length)

    @property
    def duration(self) -> int | None:
        return None if self.length is None else steps_of(self.length)

    def factor(self, step: int) -> float:
        return float(self.value)
