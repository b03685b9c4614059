"""Cruising: what an ordinary backward and an ordinary step cost while a loop runs as it ran before.

Each event is asked whether it is ordinary: the same line, the same optimizer, gradients that were cleared, nothing due
to be examined, no mode of the script's under way. An ordinary one is noted here with few calls; any other is left to
`Backwards` and `Steps`, in the same event, and finds everything as if they had seen the ones before it. What probes
count of ordinary steps they are told in numbers, before anybody asks (`settle`).
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections import Counter
from collections.abc import Callable
from functools import partial
from operator import attrgetter, is_not, itemgetter
from threading import get_ident
from types import FrameType
from typing import Any

import torch
from torch import Tensor
from torch._C import _len_torch_dispatch_stack as _dispatch_modes
from torch._C import _len_torch_function_stack as _function_modes
from torch.optim import Optimizer

from surefoot.capture.backwards import Backwards
from surefoot.capture.course import Course, Line
from surefoot.capture.host import FEW, Norms, gradient_norms, read_float
from surefoot.capture.loop import Loop
from surefoot.capture.losses import EARLY_TARGETS, target_position
from surefoot.capture.pending import PendingStep
from surefoot.capture.place import IS_LIBRARY, SITES, Site
from surefoot.capture.steps import Steps
from surefoot.capture.training import Training
from surefoot.capture.unseen import PLAIN
from surefoot.clipping import attached

_parameters_of = itemgetter("params")
_gradient_of = attrgetter("grad")
_present = partial(is_not, None)
# Read at once, in one call: that costs a third of reading them one by one.
_state_of = attrgetter(
    "open",
    "_progress.step",
    "_training.losses.stirred",
    "_training.manual.active",
    "_training.threads.in_backward",
)
_CALM = (None, None, False, False, False)
_tracing = torch._C._get_tracing_state
_transforms = torch._C._functorch.peek_interpreter_stack
_clock = time.perf_counter
_row = tuple.__new__
_FLOAT32 = torch.float32
_TICKS = 16  # steps after which the clock is read at the latest: reading the thread's time is a system call

_cruises: weakref.WeakSet[Cruise] = weakref.WeakSet()


class Cruise:
    """Takes ordinary events.

    Args:
        training: Whose they are.
        backwards: Take any backward.
        steps: Take any step.

    Attributes:
        on: Ordinary events are taken here.
        open: The ordinary step under way: its norms, and whether its gradients were changed in place before it.
    """

    on = False
    open: tuple[Course, Norms | None, bool] | None = None

    def __init__(self, training: Training, backwards: Backwards, steps: Steps) -> None:
        self._training = training
        self._progress = training.progress
        self._scaled = backwards.scaled
        self._steps = steps
        self._courses: dict[int, Course] = {}  # by the optimizer's id
        self._broken = False  # a fault of ours, or the end: nothing is ordinary any more
        self._thread = 0
        self._until = 0  # the next step that gets full attention, whosever it is
        self._own: tuple[Loop, ...] = ()  # loops whose tensors are known to be plain
        self._lines: dict[Site, Line] = {}
        self._line: Line | None = None  # of the last ordinary backward
        self._under_way: tuple[Line, float | Tensor, set[int], Loop | None] | None = None
        self.open = None
        self._unread = 0  # steps since the clock was read
        _cruises.add(self)

    def stop(self) -> None:
        """Nothing is ordinary any more."""
        self.on = False
        self._broken = True

    def let_go(self) -> None:
        """Hold nothing of the training any more."""
        vars(self).clear()

    # -- what is bound

    def bind(self, optimizer: Optimizer) -> None:
        """A step had full attention: the ones after it may be ordinary."""
        at, progress = self._training, self._progress
        loop = at.loops.stepped(optimizer)
        if loop is None or self._broken or progress.step is not None or not at.threads.settles:
            return
        known = self._courses.get(id(optimizer))
        if known is not None and known.loop is not loop:
            self.settle()
        since, until = at.schedule.rest(loop)
        made = Course(loop, optimizer, attached(optimizer), since, until)
        if known is not None:
            made.ordinary = known.ordinary
        self._courses[id(optimizer)] = made
        self._thread = get_ident()
        # Full attention at powers of two: what differs between processes is looked for there.
        self._until = min(at.schedule.inspection.next, 1 << progress.counts.steps.bit_length())
        if at.loops.own is not self._own:
            plain = all(PLAIN.issuperset(map(type, own.parameters)) for own in at.loops.own)
            self._own = at.loops.own if plain else ()
        self.on = not self._scaled.outputs  # a GradScaler's losses are not what they are the losses of

    def pause(self) -> None:
        """Something odd is under way: nothing is ordinary before the next step with full attention."""
        self.on = False

    def settle(self) -> None:
        """Tell the ordinary steps that nobody was told so far."""
        for course in self._courses.values():
            told, course.ordinary = course.ordinary, Counter()
            if told:
                self._training.tell.steps_cruised(course.loop, told)

    def _fault(self, error: Exception) -> None:
        self.stop()
        self._training.guard.caught("cruising", error)

    # -- loss functions

    def wrapped_loss(self, name: str, original: Any, otherwise: Callable[..., None]) -> Any:
        """A loss function that is heard.

        Args:
            name: Its name.
            original: What it does.
            otherwise: Told of a call that is not ordinary: arguments, named ones, result.
        """
        losses, modules = self._training.losses, self._training.modules
        position = target_position(name)

        def loss(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if (
                self.on
                and not losses.pending
                and not losses.looking
                and modules.asleep is False
                and losses.targets_seen > EARLY_TARGETS
                and get_ident() == self._thread
                and type(result) is Tensor
                and not _function_modes()
                and _transforms() is None
                and _tracing() is None
                and (node := result.grad_fn) is not None
            ):
                frame: FrameType | None = sys._getframe(1)
                while frame is not None and (known := IS_LIBRARY.get(frame.f_code.co_filename)):
                    frame = frame.f_back
                if frame is not None and known is False:
                    site = SITES.get((id(frame.f_code), frame.f_lasti))
                    call = losses.calls.get((site, name))
                    if call is not None and call.counts["train"]:
                        target = None
                        if position is not None:
                            target = args[position] if len(args) > position else kwargs.get("target")
                        losses.train_target = weakref.ref(target) if isinstance(target, Tensor) else None
                        call.plain.sequence = node._sequence_nr()
                        losses.pending.append(call.plain)
                        return result
            otherwise(args, kwargs, result)
            return result

        return loss

    # -- backward

    def backward_begins(self, root: Tensor) -> bool:
        """Take a backward that starts from one tensor alone, with nothing else asked of it, if it is ordinary."""
        if not self.on or get_ident() != self._thread:
            return False
        try:
            at, progress = self._training, self._progress
            counts, loops, losses = progress.counts, at.loops, at.losses
            number = counts.steps + 1
            if (
                number >= self._until
                or _state_of(self) != _CALM
                or loops.own is not self._own
                or type(root) is not Tensor
                or _dispatch_modes()
                or _function_modes()
                or _transforms() is not None
                or _tracing() is not None
            ):
                if self.open is not None:
                    self._reopen()
                return False
            line = self._line
            caller = sys._getframe(2)
            if line is not None and caller.f_code is line.inner:
                own = sys._getframe(2 + line.depth) if line.depth else caller
                if own.f_code is not line.outer or own.f_lasti != line.instruction:
                    line = self._line_of(caller)
            else:
                line = self._line_of(caller)
            if line is None:
                return False
            reach = loops.reach.get(line.site)
            if not reach:
                return False
            pending = losses.pending
            if pending:
                call = pending[0].call
                if len(pending) > 1 or pending[0] is not call.plain:
                    return False
                if call is not line.call:
                    if (call.function,) not in losses.validation.recipes:
                        return False
                    line.call = call
            loss: float | Tensor | None
            if root.is_cpu and root.dtype is _FLOAT32 and root.numel() == 1 and not root.is_neg():
                loss = read_float(root.data_ptr()).value
                if loss - loss != 0.0:
                    return False  # NaN or infinite: nothing ordinary
            else:
                loss = self._loss(root)
                if loss is None:
                    return False
            # From here on it is taken.
            if pending:
                call.counts["train"] += 1
                pending.clear()
            if losses.validation.data.fresh:
                losses.validation.data.trained(False)
            self._line = line
            line.record.step = line.record.position = number
            progress.backward = line.record
            counts.backwards += 1
            loop = self._own[0]
            alone = len(self._own) == 1 and id(loop) in reach and line.site is loop.backward_site
            with at.threads.event:
                if alone:
                    watched = loop.interval.watched()
                    alone = watched is not None and watched.grad is None
                if not alone:
                    for each in self._own:
                        each.before_backward()
            if not at.modules.steady.get(line.site):
                at.modules.judge_training(line.site)
            self._under_way = line, loss, reach, loop if alone else None
            return True
        except Exception as error:
            self._fault(error)
            return False

    def _line_of(self, caller: FrameType) -> Line | None:
        """The line of the user's that a frame, which calls `backward`, is at or comes from; None: it is new."""
        frame: FrameType | None = caller
        depth = 0
        while frame is not None and (known := IS_LIBRARY.get(frame.f_code.co_filename)):
            frame = frame.f_back
            depth += 1
        if frame is None or known is None:
            return None
        site = SITES.get((id(frame.f_code), frame.f_lasti))
        if site is None:
            return None
        line = self._lines.get(site)
        if line is None:
            line = self._lines[site] = Line(site, caller.f_code, depth)
        return line if line.depth == depth and line.inner is caller.f_code else None

    def _loss(self, root: Tensor) -> float | Tensor | None:
        """What lies on a device, or is no float32; None where it cannot be taken, or the last loss was not finite."""
        latest = self._training.recorder.latest.loss
        if root.is_meta or (latest is not None and latest - latest != 0.0):
            return None
        value = self._scaled.value(((root, None),))
        return value if not isinstance(value, float) or value - value == 0.0 else None

    def backward_ends(self) -> None:
        """The ordinary backward has ended."""
        try:
            if self._under_way is None:
                return
            (line, loss, reach, loop), self._under_way = self._under_way, None
            at, progress = self._training, self._progress
            progress.unclaimed.append((progress.counts.steps, loss, None))
            with at.threads.event:
                if loop is not None:
                    if loop.interval.ordinary(loss):
                        loop.backwards += 1
                        return
                    loop.before_backward()
                for each in at.loops.own:
                    if id(each) in reach or each.touched():
                        each.after_backward(loss, line.site, True)
        except Exception as error:
            self._fault(error)

    # -- step

    def step_begins(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Take a step if it is ordinary."""
        if not self.on or get_ident() != self._thread:
            return False
        try:
            if self.open is not None:
                self._reopen()  # one inside another, or the other one raised
                return False
            at, progress, line = self._training, self._progress, self._line
            course = self._courses.get(id(optimizer))
            if (
                course is None
                or line is None
                or progress.backward is not line.record
                or progress.step is not None
                or progress.counts.steps + 1 >= self._until
            ):
                return False
            loop = course.loop
            interval = loop.interval
            if (
                not course.since <= loop.steps + 1 < course.until
                or not interval.written
                or not interval.cleared
                or loop.optimizer() is not optimizer
                or kwargs
                or (len(args) > 1 and args[1:] != (None,))
                or len(optimizer._optimizer_step_pre_hooks) != course.hooks
                or tuple(map(len, map(_parameters_of, optimizer.param_groups))) != loop.group_sizes
                or _dispatch_modes()
                or _function_modes()
            ):
                return False
            watched = interval.watched()
            gradient = watched.grad if watched is not None else None
            if gradient is None:
                return False
            norms: Norms | None = None
            touched = interval.clipped or gradient._version != interval.version
            course.spared += 1
            # A clipper measures too; what was changed in place may be nothing any more, which its norm tells.
            if course.clipper is None and (touched or course.spared >= at.schedule.norms_every):
                course.spared = 0
                began = _clock()
                gradients = list(map(_gradient_of, loop.parameters))
                if not PLAIN.issuperset(map(type, gradients)):
                    gradients = list(filter(_present, gradients))
                    if not PLAIN.issuperset(map(type, gradients)):
                        return False
                if course.plain and len(gradients) <= FEW and not gradient.is_sparse:
                    # As `gradient_norms` does, without its calls.
                    norms = torch._foreach_norm(gradients, 2.0, torch.float32)
                    if norms[0].requires_grad:
                        norms = [norm.detach() for norm in norms]
                else:
                    norms = gradient_norms(gradients)
                    if norms is None:
                        return False
                if not self._unread:  # as often as the clock is read
                    at.schedule.measured_norms(_clock() - began)
            self.open = course, norms, touched
            return True
        except Exception as error:
            self._fault(error)
            return False

    def _reopen(self) -> None:
        """The ordinary step under way is none: one inside it begins, or it raised. `Steps` goes on with it."""
        if self.open is not None:
            (course, norms, touched), self.open = self.open, None
            self._steps.resume(course.loop, course.clipper, norms, touched)

    def step_ends(self, optimizer: Optimizer) -> bool:
        """End the ordinary step that has been taken."""
        if self.open is None or get_ident() != self._thread:
            return False
        try:
            course, norms, touched = self.open
            loop, clipper = course.loop, course.clipper
            if loop.optimizer() is not optimizer:
                return True  # a wrapper's inner optimizer
            self.open = None
            at, counts = self._training, self._progress.counts
            number = counts.steps = counts.steps + 1
            loop.steps += 1
            losses = loop.interval.close_ordinary(counts.backwards)
            course.ordinary[len(losses)] += 1
            now = _clock() - at.recorder.began
            groups = optimizer.param_groups
            lr = groups[0].get("lr")
            clip = found_inf = None
            if clipper is not None:
                clip, found_inf = clipper.last, getattr(optimizer, "found_inf", None)
            at.recorder.step(
                _row(
                    PendingStep,
                    (
                        number,
                        loop.index,
                        now,
                        losses,
                        norms,
                        lr.detach().clone() if isinstance(lr, Tensor) else lr,
                        clip,
                        found_inf,
                        None,
                        partial(at.tell.changed_norm_arrived, loop) if touched else None,
                    ),
                )
            )
            if len(groups) > 1:
                self._steps.settings(number, loop, optimizer)
            due = number + 1 >= self._until
            self._unread += 1
            if due or self._unread >= _TICKS or loop.steps + 1 >= course.until:
                at.schedule.clock.tick(now, time.thread_time(), self._unread)
                self._unread = 0
        except Exception as error:
            self._fault(error)
            return True
        if due or at.modules.handles or self._steps.limit is not None:
            self._steps.next(number)
        return True


def _stop_in_child() -> None:
    for cruise in list(_cruises):
        cruise.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_stop_in_child)
