"""When to look: every step is counted, few are examined; the step alone says which, or the time that this may cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from torch import Tensor

from surefoot.capture.events.records import Backward
from surefoot.capture.loop import Loop
from surefoot.capture.sampled import NORMS, plain, why_not_plain

_LADDER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

# By the step alone: up to so many steps, so many times the distance of the first ones. All odd, so that of two players
# who take turns both are looked at.
_PLAN = ((200, 1), (1000, 3), (10_000, 11), (math.inf, 31))


_NORM_SHARE = 0.03  # of a step; a model of 64-128-10 units on a CPU spends 3 to 6 % on its gradients' norms
_MOST_APART = 8


class Sampler:
    """Chooses the steps at which something costly is done.

    Args:
        share: Share of the training's own time that may be spent, in (0, 1); None: the step alone decides.
        every: Fixed distance in steps; None chooses it from the measured cost, or from the step.
        eager: The first so many steps are always chosen.
        early: Greatest distance during the first `EARLY` steps, where most happens.
    """

    EARLY = 200

    def __init__(
        self, share: float | None, every: int | None = None, eager: int = 1, early: int = 10
    ) -> None:
        self._share = share
        self._fixed = every
        self._eager = eager
        self._early = early
        self.next = 1
        self.at = 0  # the last one measured
        self._cost = math.inf
        self.every = every or early

    def due(self, step: int) -> bool:
        """Whether to look at this step."""
        return step >= self.next

    def measured(self, step: int, cost: float, step_time: float) -> None:
        """Choose the next step to look at.

        Args:
            step: The step just looked at.
            cost: Seconds that the look took; the least so far counts, since the first ones pay for what is done once.
            step_time: Seconds of a usual step.
        """
        self._cost = min(cost, 1.1 * self._cost)
        if self._fixed is None and self._share is None:
            self.every = self._early * next(times for until, times in _PLAN if step < until)
        elif self._fixed is None and self._share is not None:
            wanted = self._cost / (self._share * max(step_time, 1e-6))
            self.every = next((rung for rung in _LADDER if rung >= wanted), _LADDER[-1])
            if step < self.EARLY:
                self.every = min(self.every, self._early)
        self.at = step
        self.next = step + 1 if step < self._eager else step + self.every


class StepClock:
    """Seconds of a usual step: slow averages that a pause (an evaluation, a checkpoint) hardly moves."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None
        self._wall = 0.0
        self.step_time = 0.0  # of the training's own thread, which other programs do not lengthen
        self.last = 0.0  # the same for the last step alone

    def tick(self, now: float, thread: float, steps: int = 1) -> None:
        """Note the end of a step.

        Args:
            now: Seconds, of the clock on the wall.
            thread: Seconds that the thread has worked.
            steps: How many have ended since this was last told.
        """
        if self._last is not None:
            self._wall = _moved(self._wall, (now - self._last[0]) / steps)
            self.last = (thread - self._last[1]) / steps
            self.step_time = _moved(self.step_time, self.last)
        self._last = (now, thread)

    def rate(self) -> float:
        """Steps a second; NaN before the second step."""
        return 1 / self._wall if self._wall > 0 else math.nan


class Schedule:
    """Stamps what happens: which backwards are inspected, and which steps of each loop are sampled.

    Args:
        every: Fixed distance in steps between sampled steps; None chooses it by measured cost.
        thorough: More often, as a check of few steps needs, and at steps that no clock chooses: the same seed gives the
            same verdict on a fast machine, a slow one and a busy one.

    Attributes:
        norms_every: An ordinary step in so many has its gradient measured.
        inspection: Chooses the backwards that are inspected, by their positions.
        clock: How long a usual step takes.
    """

    def __init__(self, every: int | None, thorough: bool) -> None:
        share = None if thorough else 0.01
        self.clock = StepClock()
        self.norms_every = 1
        self._spares = not thorough
        self._norm_cost = math.inf
        self._new = partial(Sampler, share, every, eager=2, early=5 if thorough else 10)
        self.inspection = Sampler(share, None, eager=20 if thorough else 3, early=7 if thorough else 20)
        self.inspects = self.inspection.due  # whether the backward at a position is to be inspected
        self._samplers: dict[Loop, Sampler] = {}  # by a loop's own steps, since loops may take turns

    def inspected(self, backward: Backward, least: float = 0.0) -> None:
        """It was, and cost what its record says, or this much where that is more."""
        cost = max(backward.cost, least)
        self.inspection.measured(backward.position, cost, self.clock.step_time)

    def samples(self, loop: Loop, parameters: Sequence[Tensor]) -> bool:
        """Whether the next step of a loop is to be sampled; where it can't be, the loop says why."""
        sampler = self._samplers.get(loop)
        if sampler is None:
            sampler = self._samplers[loop] = self._new()
        if not sampler.due(loop.steps + 1):
            return False
        if plain(parameters):
            return True
        loop.unmeasured.setdefault(why_not_plain(parameters), NORMS)
        self.sampled(loop, loop.steps + 1, 0.0)  # asked again at its distance
        return False

    def rest(self, loop: Loop) -> tuple[int, int]:
        """The steps of a loop at which nothing is due: the first of them, and the one after the last."""
        sampler = self._samplers.get(loop)
        if sampler is None:
            return 0, 0
        # What was sampled at a step is compared with the one after it.
        return sampler.at + 2 if sampler.at == loop.steps else loop.steps + 1, sampler.next

    def measured_norms(self, cost: float) -> None:
        """Measuring the gradient of an ordinary step took so many seconds: as many are left out as the budget asks."""
        self._norm_cost = min(cost, 1.1 * self._norm_cost)  # the least so far, as other programs lengthen it
        if self._spares and self.clock.step_time:
            apart = math.ceil(self._norm_cost / (_NORM_SHARE * self.clock.step_time))
            self.norms_every = min(apart, _MOST_APART)

    def sampled(self, loop: Loop, number: int, cost: float) -> None:
        """A step of a loop, its so-and-so-manieth, was sampled in so many seconds."""
        self._samplers[loop].measured(number, cost, self.clock.step_time)


def _moved(average: float, seconds: float) -> float:
    return seconds if average == 0.0 else average + 0.05 * (min(seconds, 3 * average) - average)
