"""When to look: every step is counted, few are examined, and the share of time that this may cost is bounded."""

from __future__ import annotations

import math

_LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


class Sampler:
    """Chooses the steps at which something costly is done.

    Args:
        share: Share of the training's own time that may be spent, in (0, 1).
        every: Fixed distance in steps; None chooses it from the measured cost.
        eager: The first so many steps are always chosen.
        early: Greatest distance during the first `EARLY` steps, where most happens.
    """

    EARLY = 200

    def __init__(self, share: float, every: int | None = None, eager: int = 1, early: int = 10) -> None:
        self._share = share
        self._fixed = every
        self._eager = eager
        self._early = early
        self._next = 1
        self._cost = math.inf
        self.every = every or early

    def due(self, step: int) -> bool:
        """Whether to look at this step."""
        return step >= self._next

    def measured(self, step: int, cost: float, step_time: float) -> None:
        """Choose the next step to look at.

        Args:
            step: The step just looked at.
            cost: Seconds that the look took; the least so far counts, since the first ones pay for what is done once.
            step_time: Seconds of a usual step.
        """
        self._cost = min(cost, 1.1 * self._cost)
        if self._fixed is None:
            wanted = self._cost / (self._share * max(step_time, 1e-6))
            self.every = next((rung for rung in _LADDER if rung >= wanted), _LADDER[-1])
            if step < self.EARLY:
                self.every = min(self.every, self._early)
        self._next = step + 1 if step < self._eager else step + self.every


class StepClock:
    """Seconds of a usual step: slow averages that a pause (an evaluation, a checkpoint) hardly moves."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._wall = 0.0
        self.step_time = 0.0  # of the training's own thread, which other programs do not lengthen
        self.last = 0.0  # the same for the last step alone

    def tick(self, now: float, thread: float) -> None:
        """Note the end of a step at `now` seconds, the thread having worked for `thread` seconds."""
        if self._last is not None:
            self._wall = _moved(self._wall, now - self._last[0])
            self.last = thread - self._last[1]
            self.step_time = _moved(self.step_time, self.last)
        self._last = (now, thread)

    def rate(self) -> float:
        """Steps a second; NaN before the second step."""
        return 1 / self._wall if self._wall > 0 else math.nan


def _moved(average: float, seconds: float) -> float:
    return seconds if average == 0.0 else average + 0.05 * (min(seconds, 3 * average) - average)
