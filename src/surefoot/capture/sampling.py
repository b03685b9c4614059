"""When to look: every step is counted, few are examined, and the share of time that this may cost is bounded."""

from __future__ import annotations

import math

_LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class Sampler:
    """Chooses the steps at which something costly is done.

    Args:
        share: Share of the training's own time that may be spent, in (0, 1).
        every: Fixed distance in steps; None chooses it from the measured cost.
        eager: The first so many steps are always chosen.
    """

    def __init__(self, share: float, every: int | None = None, eager: int = 1) -> None:
        self._share = share
        self._fixed = every
        self._eager = eager
        self._next = 1
        self.every = every or 10

    def due(self, step: int) -> bool:
        """Whether to look at this step."""
        return step >= self._next

    def measured(self, step: int, cost: float, step_time: float) -> None:
        """Choose the next step to look at.

        Args:
            step: The step just looked at.
            cost: Seconds that the look took.
            step_time: Seconds of a usual step.
        """
        if self._fixed is None:
            wanted = cost / (self._share * max(step_time, 1e-6))
            self.every = next((rung for rung in _LADDER if rung >= wanted), _LADDER[-1])
        self._next = step + 1 if step < self._eager else step + self.every


class StepClock:
    """Seconds of a usual step: a slow average that a pause (an evaluation, a checkpoint) hardly moves."""

    def __init__(self) -> None:
        self._last: float | None = None
        self.step_time = 0.0

    def tick(self, now: float) -> None:
        """Note the end of a step at `now` seconds."""
        if self._last is not None:
            seconds = now - self._last
            if self.step_time == 0.0:
                self.step_time = seconds
            else:
                self.step_time += 0.05 * (min(seconds, 3 * self.step_time) - self.step_time)
        self._last = now

    def rate(self) -> float:
        """Steps a second; NaN before the second step."""
        return 1 / self.step_time if self.step_time > 0 else math.nan
