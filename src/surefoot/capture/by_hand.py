"""What a step of descent by hand carries until it is seen: its gradients, measured when they appear.

A backward can't tell whether another one of the same step follows: each measures anew what has accumulated so far.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from surefoot.capture.host import Norms, gradient_norms
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
        self._norms: Norms | None = None
        self._sample: SampledStep | None = None
        self._cost = 0.0

    def measure(self, loop: Loop, parameters: Sequence[Tensor], found: Sequence[Tensor | None]) -> None:
        """Measure the gradients now: by the next backward they may be gone."""
        observer = self._observer
        gradients = [gradient for gradient in found if gradient is not None]
        self._norms = gradient_norms(gradients) if gradients else None
        began = time.thread_time()
        due = self._sample is None and observer.sampler_of(loop).due(loop.steps + 1)
        if due and observer.can_be_sampled(loop, parameters):
            self._sample = SampledStep(parameters)
        if self._sample is not None:
            self._sample.gradients(found)
            observer.noise.keep(loop, found)
        elif observer.noise.awaits(loop):
            observer.noise.compare(loop, found)
        self._cost += time.thread_time() - began

    def close(self, loop: Loop, replaced: Sequence[Tensor] | None = None) -> None:
        """The step was taken.

        Args:
            loop: Whose.
            replaced: The new tensors that stand in the place of the loop's parameters; None: the same ones moved.
        """
        observer = self._observer
        if self._sample is not None and replaced is not None:
            self._sample.follow(replaced)
        observer.noise.stepped(loop)
        losses = loop.step_by_hand(observer.steps + 1, replaced is not None)
        step = observer.stepped()
        if self._sample is not None:
            began = time.thread_time()
            self._sample.after()
            self._sample.hand_over(step, loop.index, loop.columns, observer.recorder.layer)
            cost = self._cost + time.thread_time() - began
            observer.sampler_of(loop).measured(loop.steps, cost, observer.clock.step_time)
            self._sample = None
        self._cost = 0.0
        now = observer.recorder.now()
        observer.clock.tick(now, time.thread_time())
        observer.recorder.step(
            PendingStep(step, loop.index, now, losses, self._norms, None, None, None, None, None)
        )
        self._norms = None
        observer.next_step(step)
