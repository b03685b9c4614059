"""What was asked of a training beside recording it, once recording has stopped: to clip, to end after some steps."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.capture.guard import Guard
from surefoot.capture.limit import StepLimit
from surefoot.capture.patches import Patches
from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.capture.threads import ObservedThread
from surefoot.capture.traced import traced
from surefoot.clipping import Clipper, attached


class Unrecorded:
    """Keeps an eye on steps and nothing else.

    Args:
        threads: Tells the steps of the observed training.
        guard: Keeps faults away from it.
        steps: Taken so far.
        backwards: Begun so far.
        limit: Stop the script after this many steps (backwards where it never steps).
        make_clipper: Gives each optimizer that has none a clipper.
    """

    def __init__(
        self,
        threads: ObservedThread,
        guard: Guard,
        steps: int,
        backwards: int,
        limit: int | None,
        make_clipper: Any,
    ) -> None:
        self._threads = threads
        self._guard = guard
        self._steps = steps
        self._backwards = backwards
        self._limit = limit
        self._make_clipper = make_clipper
        self._owner = os.getpid()
        self._patches = Patches()
        self._listener = StepListener(self._before, self._after)

    def begin(self) -> None:
        """Listen, where anything was asked."""
        if self._limit is None and self._make_clipper is None:
            return
        listen(self._listener)
        if self._limit is not None and not self._steps:
            self._patches.add(torch.autograd, "backward", self._backward)

    def end(self) -> None:
        """Listen no more."""
        leave(self._listener, self._threads.others_alive)
        self._patches.undo()

    def _wanted(self, optimizer: Optimizer) -> bool:
        return os.getpid() == self._owner and not traced() and self._threads.step(optimizer)

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._make_clipper is not None and attached(optimizer) is None and self._wanted(optimizer):
            self._guard.run("clipper", lambda: self._attach(self._make_clipper(), optimizer))

    def _attach(self, clipper: Clipper, optimizer: Optimizer) -> None:
        clipper.attach(optimizer)

    def _after(self, optimizer: Optimizer) -> None:
        if self._limit is None or not self._wanted(optimizer):
            return
        self._steps += 1
        if self._steps >= self._limit:
            raise StepLimit

    def _backward(self, original: Any) -> Any:
        def backward(*args: Any, **kwargs: Any) -> Any:
            if (
                not self._steps
                and os.getpid() == self._owner
                and not traced()
                and self._threads.backward(None)
            ):
                if self._limit is not None and self._backwards >= self._limit:
                    raise StepLimit
                self._backwards += 1
            return original(*args, **kwargs)

        return backward
