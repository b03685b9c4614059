"""One cycle: the rate up to its peak and far down, momentum the other way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from surefoot.errors import SettingError
from surefoot.schedules.base import Schedule
from surefoot.schedules.cosines import half_wave
from surefoot.schedules.lengths import Epochs, check_factor, check_length, steps_of


@dataclass(frozen=True, repr=False)
class OneCycle(Schedule):
    """Up to 1 and down to almost nothing within one run, with momentum low while the rate is high.

    Args:
        length: Steps or epochs of the whole run.
        rise: Share of the run until the peak, in (0, 1).
        start_divisor: The first factor is 1 / start_divisor.
        end_divisor: The last factor is 1 / (start_divisor * end_divisor).
        shape: "cosine" or "linear".
        three_phase: After the peak first back to the first factor, as long as the rise, then to the last.
        momentum_low: Momentum (or beta 1) at the peak, in [0, 1).
        momentum_high: Momentum at both ends, in [0, 1).
        cycle_momentum: False leaves momentum alone.

    Raises:
        SettingError: A setting outside its range.

    Source: Smith, Topin 2018, arXiv:1708.07120, section 3; momentum: Smith 2018, arXiv:1803.09820, section
        4.3. torch.optim.lr_scheduler.OneCycleLR has the same values, with max_lr the optimizer's rate.

    Example:
        >>> cycle = OneCycle(100)
        >>> [round(cycle(step), 4) for step in (0, 29, 99)]
        [0.04, 1.0, 0.0]
        >>> [round(cycle.momentum(step), 4) for step in (0, 29, 99)]
        [0.95, 0.85, 0.95]
    """

    length: int | Epochs
    rise: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4
    shape: Literal["cosine", "linear"] = "cosine"
    three_phase: bool = False
    momentum_low: float = 0.85
    momentum_high: float = 0.95
    cycle_momentum: bool = True

    def __post_init__(self) -> None:
        check_length("one_cycle", self.length, least=2)
        most = 0.5 if self.three_phase else 1.0
        if not isinstance(self.rise, int | float) or not 0 < self.rise < most:
            raise SettingError(f"rise is {self.rise!r}: give a share of the run between 0 and {most:g}.")
        check_factor("start_divisor", self.start_divisor, least=1.0)
        check_factor("end_divisor", self.end_divisor, least=1.0)
        check_factor("momentum_low", self.momentum_low, most=0.9999999)
        check_factor("momentum_high", self.momentum_high, most=0.9999999)
        if self.shape not in ("cosine", "linear"):
            raise SettingError(f"The shape {self.shape!r} is unknown: use 'cosine' or 'linear'.")

    @property
    def duration(self) -> int | None:
        return steps_of(self.length)

    def factor(self, step: int) -> float:
        first = 1.0 / self.start_divisor
        last = first / self.end_divisor
        levels = [first, 1.0, first, last] if self.three_phase else [first, 1.0, last]
        return self._between(step, levels)

    def momentum(self, step: int) -> float | None:
        if not self.cycle_momentum:
            return None
        high, low = self.momentum_high, self.momentum_low
        return self._between(step, [high, low, high, high] if self.three_phase else [high, low, high])

    def boundaries(self) -> tuple[int, ...]:
        return (*(round(corner) for corner in self._corners()), steps_of(self.length))

    def _corners(self) -> list[float]:
        """Where each phase begins and the last one ends; not whole, because the rise is a share."""
        length = steps_of(self.length)
        peak = self.rise * length - 1
        return [0.0, peak, 2 * peak, length - 1.0] if self.three_phase else [0.0, peak, length - 1.0]

    def _between(self, step: int, levels: list[float]) -> float:
        corners = self._corners()
        step = min(step, steps_of(self.length) - 1)
        phase = 0
        while phase < len(levels) - 2 and step > corners[phase + 1]:
            phase += 1
        left, right = corners[phase], corners[phase + 1]
        # A rise shorter than one step has no inside.
        share = (step - left) / (right - left) if right > left else 1.0
        if self.shape == "cosine":
            return half_wave(share, levels[phase], levels[phase + 1])
        return levels[phase] + (levels[phase + 1] - levels[phase]) * share
