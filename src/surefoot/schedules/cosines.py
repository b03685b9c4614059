"""Half a cosine wave, once or with warm restarts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from surefoot.schedules.base import Schedule
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of

FIRST_RESTARTS = 3  # endless restarts show their first ones as boundaries


@dataclass(frozen=True, repr=False)
class Cosine(Schedule):
    """Half a cosine, then `end`: f(t) = end + (1 - end) * (1 + cos(pi * t / length)) / 2.

    Args:
        length: Steps or epochs until `end`.
        end: Last factor, in [0, 1].

    Raises:
        SettingError: A setting outside its range.

    Source: Loshchilov, Hutter 2017, arXiv:1608.03983, equation 5 without restarts;
        torch.optim.lr_scheduler.CosineAnnealingLR has the same values up to T_max, transformers'
        get_cosine_schedule_with_warmup after its warm-up.

    Example:
        >>> Cosine(100).values([0, 100, 150])
        [1.0, 0.0, 0.0]
        >>> Cosine(100, end=0.1)(50)
        0.55
    """

    length: int | Epochs
    end: float = 0.0

    def __post_init__(self) -> None:
        check_length("cosine", self.length)
        check_factor("end", self.end, most=1.0)

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        return half_wave(min(step, steps_of(self.length)) / steps_of(self.length), 1.0, self.end)


@dataclass(frozen=True, repr=False)
class CosineRestarts(Schedule):
    """Cosine with warm restarts (SGDR): the wave of `Cosine` again and again, each `growth` times as long.

    Args:
        length: Steps or epochs of the first wave.
        growth: How many times longer each wave is than the one before; a whole number >= 1.
        end: Factor at the foot of each wave, in [0, 1].
        cycles: Number of waves, after which it holds `end`; by default they never stop.

    Raises:
        SettingError: A setting outside its range.

    Source: Loshchilov, Hutter 2017, arXiv:1608.03983, equation 5;
        torch.optim.lr_scheduler.CosineAnnealingWarmRestarts has the same values.

    Example:
        >>> CosineRestarts(10, growth=2).boundaries()
        (0, 10, 30, 70)
        >>> CosineRestarts(10, growth=2).values([0, 10, 30])
        [1.0, 1.0, 1.0]
    """

    length: int | Epochs
    growth: int = 1
    end: float = 0.0
    cycles: int | None = None

    def __post_init__(self) -> None:
        check_length("cosine_restarts", self.length)
        check_length("growth", self.growth)
        check_factor("end", self.end, most=1.0)
        if self.cycles is not None:
            check_length("cycles", self.cycles)

    @property
    def duration(self) -> int | None:
        return None if self.cycles is None else self._start(self.cycles)

    def factor(self, step: int) -> float:
        if self.cycles is not None and step >= self._start(self.cycles):
            return float(self.end)
        cycle = self._cycle(step)
        start = self._start(cycle)
        return half_wave((step - start) / (self._start(cycle + 1) - start), 1.0, self.end)

    def boundaries(self) -> tuple[int, ...]:
        return tuple(self._start(cycle) for cycle in range((self.cycles or FIRST_RESTARTS) + 1))

    def _start(self, cycle: int) -> int:
        """Step at which a cycle begins: length * (1 + growth + … ) of the cycles before."""
        if self.growth == 1:
            return steps_of(self.length) * cycle
        return steps_of(self.length) * int((self.growth**cycle - 1) // (self.growth - 1))

    def _cycle(self, step: int) -> int:
        lengths = step / steps_of(self.length)
        if self.growth == 1:
            return int(lengths)
        # The logarithm may fall just short of a whole number.
        cycle = int(math.log(lengths * (self.growth - 1) + 1, self.growth))
        return cycle + 1 if self._start(cycle + 1) <= step else cycle


def half_wave(share: float, start: float, end: float) -> float:
    """From `start` to `end` along half a cosine; `share` of the way in [0, 1]."""
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0
