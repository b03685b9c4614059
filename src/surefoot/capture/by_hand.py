"""What a step of descent by hand carries until it is seen: its gradients, measured when they appear.

A backward can't tell whether another one of the same step follows: each measures anew what has accumulated so far.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from surefoot.capture.events.records import Step
from surefoot.capture.host import gradient_norms
from surefoot.capture.loop import Loop
from surefoot.capture.pending import PendingStep
from surefoot.capture.sampled import SampledStep

if TYPE_CHECKING:
    from surefoot.capture.observer import Observer


class StepByHand:
    """The step that a descent without an optimizer is about to take.

    Args:
        observer: Numbers the steps.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._step: Step | None = None

    def measure(self, loop: Loop, parameters: Sequence[Tensor], found: Sequence[Tensor | None]) -> None:
        """Measure the gradients now: by the next backward they may be gone."""
        observer = self._observer
        step = self._step = self._step or self._begin(loop)
        step.gradients = found
        gradients = [gradient for gradient in found if gradient is not None]
        step.norms = gradient_norms(gradients) if gradients else None
        began = time.thread_time()
        due = step.sample is None and observer.sampler_of(loop).due(loop.steps + 1)
        if due and observer.can_be_sampled(loop, parameters):
            step.sample = SampledStep(parameters)
        if step.sample is not None:
            step.sample.gradients(found)
            step.cost += time.thread_time() - began
        observer.tell.gradients_ready(step)
        step.gradients = ()

    def _begin(self, loop: Loop) -> Step:
        observer = self._observer
        return Step(loop, observer.steps + 1, observer.last, observer.backwards, False)

    def close(self, loop: Loop, replaced: Sequence[Tensor] | None = None) -> None:
        """The step was taken.

        Args:
            loop: Whose.
            replaced: The new tensors that stand in the place of the loop's parameters; None: the same ones moved.
        """
        observer = self._observer
        step, self._step = self._step or self._begin(loop), None
        if step.sample is not None and replaced is not None:
            step.sample.follow(replaced)
        step.losses = loop.step_by_hand(observer.steps + 1, replaced is not None)
        step.number = observer.stepped()
        if step.sample is not None:
            began = time.thread_time()
            step.sample.after()
            step.sample.hand_over(step.number, loop.index, loop.columns, observer.recorder.layer)
            cost = step.cost + time.thread_time() - began
            observer.sampler_of(loop).measured(loop.steps, cost, observer.clock.step_time)
        now = observer.recorder.now()
        observer.clock.tick(now, time.thread_time())
        observer.recorder.step(
            PendingStep(step.number, loop.index, now, step.losses, step.norms, None, None, None, None, None)
        )
        observer.tell.step_ends(step)
        observer.next_step(step.number)
