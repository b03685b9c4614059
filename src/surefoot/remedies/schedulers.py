"""The steps of learning-rate schedulers: after the optimizer's, or none."""

from __future__ import annotations

import os
import sys
import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer, lr_scheduler

from surefoot.capture.patches import Patches
from surefoot.remedies.base import Remedy
from surefoot.remedies.hooks import Hooks

_TORCH = os.path.dirname(torch.__file__)


class SchedulerAfterOptimizer(Remedy):
    """A scheduler's step waits for the optimizer's."""

    name = "scheduler-after-optimizer"
    answers = ("scheduler-order",)
    said = "scheduler after the optimizer"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Put a step off until the optimizer has stepped since the scheduler last did."""
        stepped: weakref.WeakSet[Optimizer] = weakref.WeakSet()
        waiting: list[tuple[Optimizer, Callable[[], Any]]] = []

        def due(scheduler: Any, step: Callable[[], Any]) -> Any:
            if scheduler.optimizer not in stepped:
                waiting.append((scheduler.optimizer, step))
                return None
            stepped.discard(scheduler.optimizer)
            return step()

        def after(optimizer: Optimizer) -> None:
            stepped.add(optimizer)
            mine = [step for owner, step in waiting if owner is optimizer]
            waiting[:] = [each for each in waiting if each[0] is not optimizer]
            for step in mine:
                stepped.discard(optimizer)
                step()

        hooks.after_step.append(after)
        hooks.patching.append(lambda patches: _each_step(patches, due))


class ConstantRate(Remedy):
    """The schedule left out."""

    name = "constant-rate"
    answers = ("lr-vanished",)
    said = "the rate kept up"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Leave every step of a scheduler out."""
        hooks.patching.append(lambda patches: _each_step(patches, lambda scheduler, step: None))


def _each_step(patches: Patches, act: Callable[[Any, Callable[[], Any]], Any]) -> None:
    """Let `act` decide on each step that a script takes; those inside one, and a scheduler's first, are its own."""
    within = [0]

    def make(original: Any) -> Any:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            def take() -> Any:
                within[0] += 1
                try:
                    return original(scheduler, *args, **kwargs)
                finally:
                    within[0] -= 1

            own = within[0] or sys._getframe(1).f_code.co_filename.startswith(_TORCH)
            return take() if own else act(scheduler, take)

        return step

    for kind in list(vars(lr_scheduler).values()):
        if isinstance(kind, type) and issubclass(kind, lr_scheduler.LRScheduler) and "step" in vars(kind):
            patches.add(kind, "step", make)
