"""What a schedule is: a closed-form function step -> factor of the learning rate; schedules made of schedules.

Frozen records without torch: the factor at a step depends on the step alone, so a resumed run needs nothing
else.
"""

from __future__ import annotations

import dataclasses
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from surefoot.errors import SettingError
from surefoot.schedules.boundary_table import table
from surefoot.schedules.lengths import Epochs, check_length, steps_of

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
        return Cut(self, length)

    def held(self, every: int | Epochs) -> Schedule:
        """As a staircase: the factor changes only every `every` steps (`epochs(1)`: once an epoch)."""
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
        return join(self, other)

    def __mul__(self, other: object) -> Schedule:
        if isinstance(other, Schedule):
            return Product(self, other)
        if isinstance(other, int | float):
            return Scaled(self, float(other))
        return NotImplemented

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return _call(self)

    def __str__(self) -> str:
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


@dataclass(frozen=True, repr=False)
class Joined(Schedule):
    """One schedule after another; each starts at its own step 0. Made by `a >> b`."""

    schedules: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        for schedule in self.schedules[:-1]:
            if not schedule.in_epochs and schedule.duration is None:
                raise SettingError(
                    f"{schedule!r} never ends, so nothing can follow it: cut it with .first(steps)."
                )

    def pieces(self) -> tuple[tuple[int, Schedule], ...]:
        starts, start = [], 0
        for schedule in self.schedules:
            starts.append((start, schedule))
            start += schedule.duration or 0
        return tuple(starts)

    @property
    def duration(self) -> int | None:
        start, last = self.pieces()[-1]
        return None if last.duration is None else start + last.duration

    def factor(self, step: int) -> float:
        start, schedule = self._at(step)
        return schedule.factor(step - start)

    def momentum(self, step: int) -> float | None:
        start, schedule = self._at(step)
        return schedule.momentum(step - start)

    def boundaries(self) -> tuple[int, ...]:
        return tuple(sorted({start + at for start, piece in self.pieces() for at in piece.boundaries()}))

    def _at(self, step: int) -> tuple[int, Schedule]:
        return [piece for piece in self.pieces() if piece[0] <= max(step, 0)][-1]

    def __repr__(self) -> str:
        return " >> ".join(repr(schedule) for schedule in self.schedules)


@dataclass(frozen=True, repr=False)
class Product(Schedule):
    """Two schedules at once, factor times factor. Made by `a * b`."""

    left: Schedule
    right: Schedule

    @property
    def duration(self) -> int | None:
        ends = (self.left.duration, self.right.duration)
        return None if ends[0] is None or ends[1] is None else max(ends[0], ends[1])

    def factor(self, step: int) -> float:
        return self.left.factor(step) * self.right.factor(step)

    def momentum(self, step: int) -> float | None:
        found = self.left.momentum(step)
        return self.right.momentum(step) if found is None else found

    def boundaries(self) -> tuple[int, ...]:
        return tuple(sorted({*self.left.boundaries(), *self.right.boundaries()}))

    def __repr__(self) -> str:
        return f"{_factor(self.left)} * {_factor(self.right)}"


@dataclass(frozen=True, repr=False)
class Scaled(Schedule):
    """A schedule times a number. Made by `schedule * 0.5`."""

    schedule: Schedule
    by: float

    def __post_init__(self) -> None:
        if not 0 <= self.by < math.inf:
            raise SettingError(
                f"A schedule cannot be scaled by {self.by!r}: give a number that is not negative."
            )

    @property
    def duration(self) -> int | None:
        return self.schedule.duration

    def factor(self, step: int) -> float:
        return self.by * self.schedule.factor(step)

    def momentum(self, step: int) -> float | None:
        return self.schedule.momentum(step)

    def boundaries(self) -> tuple[int, ...]:
        return self.schedule.boundaries()

    def pieces(self) -> tuple[tuple[int, Schedule], ...]:
        return (
            tuple((start, Scaled(piece, self.by)) for start, piece in self.schedule.pieces())
            if isinstance(self.schedule, Joined)
            else ((0, self),)
        )

    def __repr__(self) -> str:
        return f"{self.by:g} * {_factor(self.schedule)}"


@dataclass(frozen=True, repr=False)
class Cut(Schedule):
    """The first steps of a schedule, then the factor reached there. Made by `.first(steps)`."""

    schedule: Schedule
    length: int | Epochs

    def __post_init__(self) -> None:
        check_length("first", self.length)

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        return self.schedule.factor(min(step, steps_of(self.length)))

    def momentum(self, step: int) -> float | None:
        return self.schedule.momentum(min(step, steps_of(self.length)))

    def boundaries(self) -> tuple[int, ...]:
        end = steps_of(self.length)
        return (*(at for at in self.schedule.boundaries() if at < end), end)

    def __repr__(self) -> str:
        return f"{_factor(self.schedule)}.first({self.length!r})"


@dataclass(frozen=True, repr=False)
class Held(Schedule):
    """A schedule as a staircase. Made by `.held(every)`."""

    schedule: Schedule
    every: int | Epochs

    def __post_init__(self) -> None:
        check_length("held", self.every)

    @property
    def duration(self) -> int | None:
        end, every = self.schedule.duration, steps_of(self.every)
        return None if end is None else math.ceil(end / every) * every

    def factor(self, step: int) -> float:
        return self.schedule.factor(self._tread(step))

    def momentum(self, step: int) -> float | None:
        return self.schedule.momentum(self._tread(step))

    def _tread(self, step: int) -> int:
        every = steps_of(self.every)
        return step // every * every

    def __repr__(self) -> str:
        return f"{_factor(self.schedule)}.held({self.every!r})"


@dataclass(frozen=True, repr=False)
class Function(Schedule):
    """Any function step -> factor as a schedule.

    Args:
        function: Takes the step, returns the factor.
        length: Where it ends; by default it never does.
    """

    function: Callable[[int], float]
    length: int | Epochs | None = None

    @property
    def duration(self) -> int | None:
        return None if self.length is None else steps_of(self.length)

    def factor(self, step: int) -> float:
        end = self.duration
        return float(self.function(step if end is None else min(step, end)))


def join(first: Schedule, second: Schedule) -> Joined:
    """`second` after `first`; what is joined already stays flat."""
    return Joined((*_parts(first), *_parts(second)))


def as_schedule(given: Schedule | Callable[[int], float]) -> Schedule:
    """The schedule itself, or a plain function as one.

    Raises:
        SettingError: It cannot be called.
    """
    if isinstance(given, Schedule):
        return given
    if not callable(given):
        raise SettingError(f"{given!r} is no schedule: give a schedule or a function step -> factor.")
    return Function(given)


def _parts(schedule: Schedule) -> tuple[Schedule, ...]:
    return schedule.schedules if isinstance(schedule, Joined) else (schedule,)


def _factor(schedule: Schedule) -> str:
    return f"({schedule!r})" if isinstance(schedule, Joined | Product | Scaled) else repr(schedule)
