"""Lengths in steps or epochs, and the ranges that settings of schedules must keep."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.errors import SettingError


@dataclass(frozen=True)
class Epochs:
    """A length in epochs, to be turned into steps once the loader's length is known.

    Args:
        count: Epochs, > 0; may be a fraction.
    """

    count: float

    def __post_init__(self) -> None:
        if not (isinstance(self.count, int | float) and 0 < self.count < math.inf):
            raise SettingError(f"epochs({self.count!r}) is no length: give a positive number of epochs.")

    def in_steps(self, steps_per_epoch: int) -> int:
        """Nearest whole number of steps, at least 1."""
        return max(1, round(self.count * steps_per_epoch))

    def __repr__(self) -> str:
        return f"epochs({self.count:g})"


def steps_of(length: int | Epochs) -> int:
    """A length in steps; one in epochs is refused.

    Raises:
        SettingError: It is in epochs.
    """
    if isinstance(length, Epochs):
        raise SettingError(f"{length!r} is in epochs: call in_steps(steps_per_epoch) on the schedule first.")
    return length


def check_length(name: str, length: object, *, least: int = 1) -> None:
    """Refuse what is neither a whole number of steps nor epochs.

    Raises:
        SettingError: It is neither, or it is less than `least` steps.
    """
    if isinstance(length, Epochs):
        return
    if isinstance(length, bool) or not isinstance(length, int) or length < least:
        raise SettingError(f"{name}({length!r}) is no length: give {least} or more steps, or epochs(…).")


def check_factor(name: str, value: object, *, least: float = 0.0, most: float = math.inf) -> None:
    """Refuse a number outside [least, most].

    Raises:
        SettingError: It is no number, or outside.
    """
    if not isinstance(value, int | float) or not least <= value <= most or value == math.inf:
        upper = "" if most == math.inf else f" and at most {most:g}"
        raise SettingError(f"{name} is {value!r}: give a number of at least {least:g}{upper}.")
