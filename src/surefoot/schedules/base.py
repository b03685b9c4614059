"""What a schedule is: a closed-form function step -> factor of the learning rate, and how to combine some.

Frozen records without torch: the factor at a step depends on the step alone, so a resumed run needs nothing
else.
"""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from surefoot.errors import SettingError
from surefoot.schedules.lengths import Epochs

if TYPE_CHECKING:
    from typing_extensions import Self


class Schedule(ABC):
    """Step -> factor. Combine with `a >> b` (one after the other), `a * b` and `a * 0.5`.

    Subclasses are frozen dataclasses with `factor`, and `duration` where they end; fields that hold a length
    may be `Epochs` until `in_steps` has turned them into steps.
    """

    @abstractmethod
    def factor(self, step: int) -> float:
        """Factor of the learning rate at a step; step 0 is the first update."""

    @property
    def duration(self) -> int | None:
        """Steps until it ends and holds its last factor; None for one that never ends."""
        return None

    def momentum(self, step: int) -> float | None:
        """Momentum at a step; None for a schedule that leaves it alone."""
        return None

    def boundaries(self) -> tuple[int, ...]:
        """Steps at which its formula changes, from 0 to its end."""
        return (0,) if self.duration is None else (0, self.duration)

    def pieces(self) -> tuple[tuple[int, Schedule], ...]:
        """(first step, schedule) of each part that `>>` joined."""
        return ((0, self),)

    def in_steps(self, steps_per_epoch: int) -> Self:
        """The same with every length in steps.

        Args:
            steps_per_epoch: Optimizer steps in one epoch, > 0.
        """
        if steps_per_epoch < 1:
            raise SettingError(f"steps_per_epoch is {steps_per_epoch!r}: an epoch has at least one step.")
        fields = {name: _in_steps(value, steps_per_epoch) for name, value in vars(self).items()}
        return dataclasses.replace(self, **fields)  # type: ignore[type-var]

    @property
    def in_epochs(self) -> bool:
        """Whether any length still is in epochs."""
        return any(_in_epochs(value) for value in vars(self).values())

    def values(self, steps: Iterable[int]) -> list[float]:
        """Factors at some steps."""
        return [self(step) for step in steps]

    def first(self, length: int | Epochs) -> Schedule:
        """Only its first `length` steps, so that another can follow by `>>`."""
        from surefoot.schedules.combined import Cut

        return Cut(self, length)

    def held(self, every: int | Epochs) -> Schedule:
        """As a staircase: the factor changes only every `every` steps (`epochs(1)`: once an epoch)."""
        from surefoot.schedules.combined import Held

        return Held(self, every)

    def __call__(self, step: int) -> float:
        try:
            return self.factor(step)
        except TypeError as error:
            if self.in_epochs:
                raise SettingError(
                    f"{self!r} has lengths in epochs: call in_steps(steps_per_epoch) first."
                ) from error
            raise

    def __rshift__(self, other: object) -> Schedule:
        if not isinstance(other, Schedule):
            return NotImplemented
        from surefoot.schedules.combined import join

        return join(self, other)

    def __mul__(self, other: object) -> Schedule:
        from surefoot.schedules.combined import Product, Scaled

        if isinstance(other, Schedule):
            return Product(self, other)
        if isinstance(other, int | float):
            return Scaled(self, float(other))
        return NotImplemented

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return _call(self)

    def __str__(self) -> str:
        from surefoot.schedules.boundary_table import table  # a table is made of a schedule

        return repr(self) if self.in_epochs else f"{self!r}\n{table(self)}"


def _in_steps(value: Any, steps_per_epoch: int) -> Any:
    if isinstance(value, Epochs | Schedule):
        return value.in_steps(steps_per_epoch)
    if isinstance(value, tuple):
        return tuple(_in_steps(item, steps_per_epoch) for item in value)
    return value


def _in_epochs(value: Any) -> bool:
    if isinstance(value, Schedule):
        return value.in_epochs
    return isinstance(value, Epochs) or (isinstance(value, tuple) and any(map(_in_epochs, value)))


def _call(schedule: Any) -> str:
    """The call that makes it, with the settings that differ from their defaults."""
    given: list[str] = []
    for index, field in enumerate(dataclasses.fields(schedule)):
        value = getattr(schedule, field.name)
        if field.default is dataclasses.MISSING:
            given.append(repr(value) if index == len(given) else f"{field.name}={value!r}")
        elif value != field.default:
            given.append(f"{field.name}={value!r}")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(schedule).__name__).lower()
    return f"{name}({', '.join(given)})"
