"""What a step of descent by hand carries until it is seen: its gradients, measured when they appear.

A backward can't tell whether another one of the same step follows: each measures anew what has accumulated so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from torch import Tensor

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward, Counts, Step
from surefoot.capture.host import gradient_norms
from surefoot.capture.loop import Loop
from surefoot.capture.pending import PendingStep
from surefoot.capture.recorder import Recorder
from surefoot.capture.sampled import SampledStep
from surefoot.capture.sampling import Schedule


class StepByHand:
    """The step that a descent without an optimizer is about to take.

    Args:
        counts: Number the steps.
        schedule: Which of them are sampled.
        recorder: Takes their rows.
        tell: Hears of them.
        ended: Called with each one's number.
    """

    def __init__(
        self,
        counts: Counts,
        schedule: Schedule,
        recorder: Recorder,
        tell: Probe,
        ended: Callable[[int], None],
    ) -> None:
        self._counts = counts
        self._schedule = schedule
        self._recorder = recorder
        self._tell = tell
        self._ended = ended
        self._step: Step | None = None

    def measure(self, loop: Loop, parameters: Sequence[Tensor], found: Sequence[Tensor | None]) -> None:
        """Measure the gradients now: by the next backward they may be gone."""
        step = self._step = self._step or self._begin(loop)
        step.gradients = found
        gradients = [gradient for gradient in found if gradient is not None]
        step.norms = gradient_norms(gradients) if gradients else None
        began = time.thread_time()
        if step.sample is None and self._schedule.samples(loop, parameters):
            step.sample = SampledStep(parameters)
        if step.sample is not None:
            step.sample.gradients(found)
            step.cost += time.thread_time() - began
        self._tell.gradients_ready(step)
        step.gradients = ()

    def _begin(self, loop: Loop) -> Step:
        return Step(
            loop, self._counts.steps + 1, Backward(None, None, 0, 0, False), self._counts.backwards, False
        )

    def close(self, loop: Loop, replaced: Sequence[Tensor] | None = None) -> None:
        """The step was taken.

        Args:
            loop: Whose.
            replaced: The new tensors that stand in the place of the loop's parameters; None: the same ones moved.
        """
        step, self._step = self._step or self._begin(loop), None
        if step.sample is not None and replaced is not None:
            step.sample.follow(replaced)
        step.losses, step.cleared = loop.step_by_hand(replaced is not None)
        step.micro_steps = len(step.losses)
        self._counts.steps += 1
        step.number = self._counts.steps
        self._tell.step_begins(step)
        if step.sample is not None:
            began = time.thread_time()
            step.sample.after()
            step.sample.hand_over(step.number, loop.index, loop.columns, self._recorder.layer)
            cost = step.cost + time.thread_time() - began
            self._schedule.sampled(loop, loop.steps, cost)
        now = self._recorder.now()
        self._schedule.clock.tick(now, time.thread_time())
        self._recorder.step(
            PendingStep(step.number, loop.index, now, step.losses, step.norms, None, None, None, None, None)
        )
        self._tell.step_ends(step)
        self._ended(step.number)
