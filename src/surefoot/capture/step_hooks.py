"""The steps of optimizers, told to every observation that listens.

PyTorch walks through its table of step hooks while an optimizer steps, and a table that changes under such a walk
raises in that training. So there is one pair of hooks for the process, and while other threads train it stays, deaf.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch._compile import _disable_dynamo
from torch.optim.optimizer import (
    Optimizer,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

_Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class StepListener(NamedTuple):
    """What is told of each step of an optimizer.

    Args:
        before: Called with the optimizer and what its step was given; may return what it is to be given instead.
        after: Called with the optimizer.
    """

    before: Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], _Arguments | None]
    after: Callable[[Optimizer], None]


_listeners: tuple[StepListener, ...] = ()
_handles: list[RemovableHandle] = []
_changing = threading.RLock()


def listen(listener: StepListener) -> None:
    """Tell a listener of every step from now on."""
    global _listeners
    with _changing:
        _listeners = (*_listeners, listener)
        if not _handles:
            _handles.append(register_optimizer_step_pre_hook(_before))
            _handles.append(register_optimizer_step_post_hook(_after))


def leave(listener: StepListener, stepping_elsewhere: bool) -> None:
    """Tell a listener no more.

    Args:
        listener: One that listens, or has left.
        stepping_elsewhere: Other threads train: the hooks must not be taken out under their steps.
    """
    global _listeners
    with _changing:
        _listeners = tuple(each for each in _listeners if each is not listener)
        if not _listeners and not stepping_elsewhere:
            while _handles:
                _handles.pop().remove()


def _before(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Arguments | None:
    if torch.compiler.is_compiling():
        return _before_compiled(optimizer, args, kwargs)
    changed: _Arguments | None = None
    for listener in _listeners:
        changed = listener.before(optimizer, *(changed or (args, kwargs))) or changed
    return changed


def _after(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if torch.compiler.is_compiling():
        return _after_compiled(optimizer, args, kwargs)
    for listener in _listeners:
        listener.after(optimizer)
    return None


# A compiled step calls its hooks, but must not trace into them: what is measured differs from step to step.
_before_compiled = _disable_dynamo(_before)
_after_compiled = _disable_dynamo(_after)
