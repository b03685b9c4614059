"""Steps of optimizers: their gradients are measured when they are there, and each leaves a row.

step begins       -> gradient norms; on a sampled step more
step ends         -> a row
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.events.records import Step
from surefoot.capture.host import Norms, gradient_norms
from surefoot.capture.limit import StepLimit
from surefoot.capture.loop import Loop
from surefoot.capture.pending import PendingStep
from surefoot.capture.place import caller_site
from surefoot.capture.sampled import SampledStep
from surefoot.capture.step_hooks import closure_of, nested, with_closure
from surefoot.capture.training import Training
from surefoot.capture.whose import rehearses
from surefoot.clipping import Clipper, attached

ClipperFactory = Callable[[], Clipper]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_NORM = ("the gradient's norm",)


class Steps:
    """Takes each step from its begin to its end.

    Args:
        training: Whose they are.
        limit: Stop the script after so many.
        make_clipper: Gives each optimizer that has none a clipper at its first step.
    """

    def __init__(self, training: Training, limit: int | None, make_clipper: ClipperFactory | None) -> None:
        self._training = training
        self.limit = limit
        self._make_clipper = make_clipper
        self._gradients_exist = training.guard.part("core", self._gradients_ready)
        self._settings: dict[tuple[int, int], tuple[Any, ...]] = {}

    def adopt(self, optimizer: Optimizer) -> Loop:
        """Watch an optimizer, at its first step or before."""
        loops, progress = self._training.loops, self._training.progress
        loop, met_late = loops.of(optimizer)
        if met_late and loops.only is None and progress.unclaimed:
            last = progress.unclaimed[-1][0]
            for steps, loss, leaves in progress.unclaimed:  # its first losses went by unclaimed
                if steps == last and (leaves is None or leaves & loop.parameter_ids):
                    loop.after_backward(loss, progress.backward.site, True)
        return loop

    def begins(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments | None:
        """An optimizer's step begins; where it has a closure, it is to go on with the arguments returned."""
        at, progress = self._training, self._training.progress
        if at.manual.active:
            at.manual.give_way()
        loop = at.loops.stepped(optimizer)
        if loop is None and (not at.loops.watches(optimizer) or rehearses(optimizer)):
            return None
        if progress.step is not None:
            if progress.step.loop.optimizer() is not optimizer:
                return None  # a wrapper's inner optimizer
            if nested(optimizer):  # what a subclass builds on; else one that raised left it open
                progress.step.depth += 1
                return None
        loop = loop or self.adopt(optimizer)
        at.loops.refresh(loop, optimizer)
        if loop.step_site is None or progress.backward.inspected:
            loop.step_site = caller_site()
        closure = closure_of(args, kwargs)
        step = self._opened(loop, optimizer, closure is not None)
        if closure is None:
            self._gradients_ready(step)
            return None
        loop.closure = True
        return with_closure(args, kwargs, step.watched(closure, self._gradients_exist))

    def _opened(self, loop: Loop, optimizer: Optimizer, closure: bool) -> Step:
        at, progress = self._training, self._training.progress
        counts = progress.counts
        step = Step(loop, counts.steps + 1, progress.backward, counts.backwards, closure)
        progress.opens(step)
        step.clipper = attached(optimizer)
        if self._make_clipper is not None and step.clipper is None:
            at.guard.run("clipper", lambda: self._attach_clipper(optimizer, step))
        if at.schedule.samples(loop, loop.parameters):
            began = time.thread_time()
            step.sample = SampledStep(loop.parameters, None if closure else [p.grad for p in loop.parameters])
            step.cost = time.thread_time() - began
        return step

    def _attach_clipper(self, optimizer: Optimizer, step: Step) -> None:
        assert self._make_clipper is not None
        step.clipper = self._make_clipper()
        step.clipper.attach(optimizer)

    def resume(self, loop: Loop, clipper: Clipper | None, norms: Norms | None, touched: bool) -> None:
        """Go on with a step that had begun as an ordinary one.

        Args:
            loop: Whose it is.
            clipper: That clips it.
            norms: Of its gradients, as they were when it began.
            touched: They had been changed in place.
        """
        at, counts = self._training, self._training.progress.counts
        step = Step(loop, counts.steps + 1, at.progress.backward, counts.backwards, False)
        step.clipper, step.norms, step.measured = clipper, norms, True
        step.cleared = loop.ordinary_step(counts.backwards, touched)
        at.progress.opens(step)
        at.tell.step_begins(step)

    def _gradients_ready(self, step: Step) -> None:
        """The gradients that a step follows are there."""
        at, loop = self._training, step.loop
        step.backward = at.progress.backward
        step.measured = True
        step.cleared, step.cleared_before, step.without_backward = loop.before_step(
            at.progress.counts.backwards
        )
        step.gradients = [p.grad for p in loop.parameters]
        if step.sample is not None:
            began = time.thread_time()
            step.sample.gradients(step.gradients, getattr(loop.optimizer(), "grad_scale", None))
            step.cost += time.thread_time() - began
        at.tell.gradients_ready(step)
        if step.closure:
            step.losses = [*loop.interval.losses]
        # A clipper measures too, and tells after the step; of a closure, its last evaluation.
        step.norms = self._gradient_norms(step, step.clipper is not None and not step.closure)
        step.gradients = ()
        at.tell.step_begins(step)

    def _gradient_norms(self, step: Step, measured: bool) -> Norms | None:
        loop = step.loop
        gradients = [gradient for gradient in step.gradients if gradient is not None]
        if not gradients:
            step.without_gradients = True
            return None
        if step.backward.inspected:
            self._training.parameters.received(
                column
                for gradient, column in zip(step.gradients, loop.columns, strict=True)
                if gradient is not None
            )
        norms = None if measured else gradient_norms(gradients)
        if norms is None and not measured:
            loop.unmeasured.setdefault(
                "gradients lie in parts in several processes, or beneath a class", _NORM
            )
        return norms

    def ends(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended."""
        at, progress = self._training, self._training.progress
        step = progress.step
        if step is None or step.thread != get_ident() or step.loop.optimizer() is not optimizer:
            return
        if step.depth:
            step.depth -= 1
            return
        progress.opens(None)
        if not step.measured:
            self._gradients_ready(step)  # a closure that the optimizer never called
        step.number = progress.stepped()
        backward = step.backward = progress.backward
        if step.sample is not None:
            self._after_sample(step)
        step.taken(progress.counts.backwards)
        now = at.recorder.now()
        clock = at.schedule.clock
        clock.tick(now, time.thread_time())
        if backward.inspected:
            # All that a look made slower: module hooks, descriptions, the reading of the graph.
            at.schedule.inspected(backward, least=clock.last - clock.step_time)
        self._record(step, optimizer, now)
        at.tell.step_ends(step)
        if backward.inspected or len(optimizer.param_groups) > 1:
            self.settings(step.number, step.loop, optimizer)
        self.next(step.number)

    def _record(self, step: Step, optimizer: Optimizer, now: float) -> None:
        at, loop = self._training, step.loop
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        lr = group.get("lr")
        at.recorder.step(
            PendingStep(
                step.number,
                loop.index,
                now,
                step.losses or [],
                step.norms,
                lr.detach().clone() if isinstance(lr, Tensor) else lr,
                step.clip,
                getattr(optimizer, "found_inf", None),
                getattr(optimizer, "grad_scale", None) if step.clipper is None else None,
                partial(at.tell.changed_norm_arrived, loop) if loop.touched_before_step else None,
            )
        )

    def _after_sample(self, step: Step) -> None:
        assert step.sample is not None
        began = time.thread_time()
        step.sample.after()
        step.sample.hand_over(step.number, step.loop.index, step.loop.columns, self._training.recorder.layer)
        cost = step.cost + time.thread_time() - began
        self._training.schedule.sampled(step.loop, step.loop.steps + 1, cost)

    def next(self, step: int) -> None:
        """After a step: is the next one looked at, or was this the last one wanted?

        Raises:
            StepLimit: It was.
        """
        at = self._training
        # The forward of the next step comes before its backward: decide now whether its modules are watched.
        if at.schedule.inspects(step + 1):
            at.modules.open()
            at.losses.look(True)
        elif at.modules.on:
            at.modules.close()
            at.losses.look(False)
        if self.limit is not None and step >= self.limit:
            raise StepLimit

    def settings(self, step: int, loop: Loop, optimizer: Optimizer) -> None:
        """Note the settings of the parameter groups that have changed."""
        for number, group in enumerate(optimizer.param_groups):
            present = (group.get("lr") if number else None, group.get("momentum"), group.get("betas"))
            key = (loop.index, number)
            if self._settings.get(key) != present and not any(isinstance(v, Tensor) for v in present):
                self._settings[key] = present
                for name, value in zip(("lr", "momentum", "betas"), present, strict=True):
                    if value is not None:
                        self._training.recorder.hyperparameter(step, loop.index, number, name, value)
