"""Schedules that begin low: a linear warm-up, and warm-up, stable phase and decay in one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from surefoot.errors import SettingError
from surefoot.schedules.base import Joined, Schedule
from surefoot.schedules.constants import Constant
from surefoot.schedules.cosines import half_wave
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of

Shape = Literal["linear", "cosine", "1-sqrt"]
SHAPES = ("linear", "cosine", "1-sqrt")


@dataclass(frozen=True, repr=False)
class Warmup(Schedule):
    """A straight rise to 1: f(t) = start + (1 - start) * t / length, then 1.

    Args:
        length: Steps or epochs of the rise.
        start: First factor, in [0, 1]. With 0 the first step moves nothing.

    Raises:
        SettingError: A setting outside its range.

    Source: Goyal et al. 2017, arXiv:1706.02677, section 2.2 ("gradual warmup").

    Example:
        >>> (Warmup(1000) >> Constant()).values([0, 500, 1000])
        [0.0, 0.5, 1.0]
    """

    length: int | Epochs
    start: float = 0.0

    def __post_init__(self) -> None:
        check_length("warmup", self.length)
        check_factor("start", self.start, most=1.0)

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        share = min(step, steps_of(self.length)) / steps_of(self.length)
        return self.start + (1.0 - self.start) * share


@dataclass(frozen=True, repr=False)
class Ramp(Schedule):
    """From one factor to another along a shape; the pieces of `warmup_stable_decay`.

    Args:
        length: Steps or epochs.
        start: First factor, >= 0.
        end: Last factor, >= 0.
        shape: "linear", "cosine", or "1-sqrt": fast where the factor is low at the start, or high at the end.

    Raises:
        SettingError: A setting outside its range.

    Example:
        >>> Ramp(100, 1.0, 0.0, "1-sqrt").values([0, 25, 100])
        [1.0, 0.5, 0.0]
    """

    length: int | Epochs
    start: float
    end: float
    shape: Shape = "linear"

    def __post_init__(self) -> None:
        check_length("ramp", self.length)
        check_factor("start", self.start)
        check_factor("end", self.end)
        if self.shape not in SHAPES:
            raise SettingError(f"The shape {self.shape!r} is unknown: use {', '.join(map(repr, SHAPES))}.")

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        share = min(step, steps_of(self.length)) / steps_of(self.length)
        if self.shape == "cosine":
            return half_wave(share, self.start, self.end)
        if self.shape == "1-sqrt":
            share = math.sqrt(share) if self.end < self.start else 1.0 - math.sqrt(1.0 - share)
        return self.start + (self.end - self.start) * share


def warmup_stable_decay(
    warmup: int | Epochs,
    stable: int | Epochs,
    decay: int | Epochs,
    *,
    end: float = 0.0,
    start: float = 0.0,
    rise: Shape = "linear",
    fall: Shape = "1-sqrt",
) -> Joined:
    """Up, long constant, then down: a schedule whose stable phase can be made longer at any time.

    Args:
        warmup: Steps or epochs of the rise from `start` to 1.
        stable: Steps or epochs at 1.
        decay: Steps or epochs of the fall from 1 to `end`; 10 to 20 % of the whole is usual.
        end: Last factor, in [0, 1].
        start: First factor, in [0, 1].
        rise: Shape of the warm-up.
        fall: Shape of the decay.

    Returns:
        `Ramp >> Constant >> Ramp`.

    Raises:
        SettingError: A setting outside its range.

    Source: Hu et al. 2024, arXiv:2404.06395, section 4.2; the "1-sqrt" fall is Hägele et al. 2024,
        arXiv:2405.18392, section 3. transformers' get_wsd_schedule has the same values.

    Example:
        >>> warmup_stable_decay(10, 80, 10, fall="linear").values([0, 5, 10, 90, 95, 100])
        [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """
    check_factor("end", end, most=1.0)
    check_factor("start", start, most=1.0)
    return Joined((Ramp(warmup, start, 1.0, rise), Constant(1.0, stable), Ramp(decay, 1.0, end, fall)))
