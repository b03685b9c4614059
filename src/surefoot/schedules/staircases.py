"""Schedules that fall in steps: every so often, or at given milestones."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise

from surefoot.errors import SettingError
from surefoot.schedules.base import Schedule
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of

FIRST_DROPS = 3  # an endless staircase shows its first drops as boundaries


@dataclass(frozen=True, repr=False)
class Step(Schedule):
    """A drop every so often: f(t) = gamma ** floor(t / every).

    Args:
        every: Steps or epochs between drops.
        gamma: Factor of one drop, >= 0.

    Raises:
        SettingError: A setting outside its range.

    Source: torch.optim.lr_scheduler.StepLR has the same values.

    Example:
        >>> Step(30, gamma=0.1).values([0, 29, 30, 60])  # doctest: +NUMBER
        [1.0, 1.0, 0.1, 0.01]
    """

    every: int | Epochs
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_length("step every", self.every)
        check_factor("gamma", self.gamma)

    def factor(self, step: int) -> float:
        return float(self.gamma ** (max(step, 0) // steps_of(self.every)))

    def boundaries(self) -> tuple[int, ...]:
        return tuple(drop * steps_of(self.every) for drop in range(FIRST_DROPS + 1))


@dataclass(frozen=True, repr=False)
class MultiStep(Schedule):
    """A drop at each milestone: f(t) = gamma ** (number of milestones <= t).

    Args:
        milestones: Steps or epochs at which it drops, increasing.
        gamma: Factor of one drop, >= 0.

    Raises:
        SettingError: A setting outside its range, or milestones that do not increase.

    Source: He, Zhang, Ren, Sun 2015, arXiv:1512.03385, section 4.2; torch.optim.lr_scheduler.MultiStepLR has
        the same values.

    Example:
        >>> MultiStep((100, 150)).values([99, 100, 149, 150])  # doctest: +NUMBER
        [1.0, 0.1, 0.1, 0.01]
    """

    milestones: tuple[int | Epochs, ...]
    gamma: float = 0.1

    def __post_init__(self) -> None:
        # A list is what people and TOML files write.
        object.__setattr__(self, "milestones", tuple(self.milestones))
        for milestone in self.milestones:
            check_length("multi_step milestone", milestone)
        check_factor("gamma", self.gamma)
        if not self.milestones:
            raise SettingError("multi_step has no milestones: give at least one.")
        kinds = {type(milestone) for milestone in self.milestones}
        counts = [m.count if isinstance(m, Epochs) else m for m in self.milestones]
        if len(kinds) == 1 and any(b <= a for a, b in pairwise(counts)):
            raise SettingError(f"The milestones {self.milestones!r} do not increase: sort them.")

    @property
    def duration(self) -> int | None:
        return steps_of(self.milestones[-1])

    def factor(self, step: int) -> float:
        return float(self.gamma ** bisect_right([steps_of(m) for m in self.milestones], step))

    def boundaries(self) -> tuple[int, ...]:
        return (0, *(steps_of(m) for m in self.milestones))
