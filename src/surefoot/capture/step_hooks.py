"""The steps of optimizers, told to every observation that listens.

PyTorch walks through its table of step hooks while an optimizer steps, and a table that changes under such a walk
raises in that training. So there is one pair of hooks for the process, and while other threads train it stays, deaf.
"""

from __future__ import annotations

import os
import sys
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

_HOOKED = os.path.join("torch", "optim", "optimizer.py")
_Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class StepListener(NamedTuple):
    """What is told of each step of an optimizer.

    Args:
        before: Called with the optimizer and what its step was given; may return what it is to be given instead.
        after: Called with the optimizer.
        begins: Asked first, with the same: whether it takes the step, and nobody else of it is to be told.
        ends: The same after the step.
    """

    before: Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], _Arguments | None]
    after: Callable[[Optimizer], None]
    begins: Callable[[Optimizer, tuple[Any, ...], dict[str, Any]], bool] = lambda *given: False
    ends: Callable[[Optimizer], bool] = lambda optimizer: False


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
        if not listener.begins(optimizer, *(changed or (args, kwargs))):
            changed = listener.before(optimizer, *(changed or (args, kwargs))) or changed
    return changed


def _after(optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if torch.compiler.is_compiling():
        return _after_compiled(optimizer, args, kwargs)
    for listener in _listeners:
        if not listener.ends(optimizer):
            listener.after(optimizer)
    return None


# A compiled step calls its hooks, but must not trace into them: what is measured differs from step to step.
_before_compiled = _disable_dynamo(_before)
_after_compiled = _disable_dynamo(_after)


def closure_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Callable[..., Any] | None:
    """The closure among the arguments of `optimizer.step`; args[0] is the optimizer."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")
    return closure if callable(closure) else None


def with_closure(
    args: tuple[Any, ...], kwargs: dict[str, Any], closure: Callable[..., Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The same arguments with another closure in its place."""
    if len(args) > 1:
        return (args[0], closure, *args[2:]), kwargs
    return args, {**kwargs, "closure": closure}


def nested(optimizer: Optimizer) -> bool:
    """Whether a step of this optimizer runs inside another of its own: a subclass calls `super().step()`."""
    frame = sys._getframe(1)
    found = 0
    while frame is not None and found < 2:
        if frame.f_code.co_name == "wrapper" and frame.f_code.co_filename.endswith(_HOOKED):
            found += frame.f_locals.get("self") is optimizer
        frame = frame.f_back  # type: ignore[assignment]
    return found > 1
