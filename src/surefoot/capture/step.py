"""One optimizer step while it is under way: opened by the pre-hook, closed after the post-hook.

The gradients that a step follows are those that lie in `.grad` when it begins; where it is given a closure, those that
the closure's first evaluation leaves (clipped, accumulated, scaled as the closure does it). LBFGS evaluates more often:
its first evaluation is at the point that the step starts from. An optimizer like SAM moves the weights before it
evaluates, and then follows what it finds there.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.host import Norms
from surefoot.capture.loop import Loop
from surefoot.capture.patches import UNCOUNTED
from surefoot.capture.sampled import SampledStep
from surefoot.clipping import Clipper
from surefoot.clipping.result import ClipResult

_HOOKED = os.path.join("torch", "optim", "optimizer.py")


class Step:
    """What one step carries from its begin to its end.

    Args:
        loop: Whose it is.
        number: Among the steps of the run.
        backwards: Of the run before it.
        closure: Whether it was given one.
    """

    __slots__ = (
        "_clip", "backwards", "clipper", "closure", "cost", "depth", "evaluations", "inside", "loop", "losses", "norms",
        "number", "sample",
    )  # fmt: skip

    def __init__(self, loop: Loop, number: int, backwards: int, closure: bool) -> None:
        self.loop = loop
        self.number = number
        self.backwards = backwards
        self.closure = closure
        self.depth = 0  # steps of the same optimizer under way inside it
        self.evaluations = 0
        self.inside = False  # the closure is running
        self.clipper: Clipper | None = None
        self.sample: SampledStep | None = None
        self.losses: list[float | Tensor | None] | None = None  # of the first evaluation
        self.norms: Norms | None = None
        self.cost = 0.0  # seconds that measuring took
        self._clip: ClipResult | None = None

    @property
    def measured(self) -> bool:
        """Whether the gradients that it follows were there to be measured."""
        return not self.closure or self.evaluations > 0

    @property
    def clip(self) -> ClipResult | None:
        """What the clipper did to these gradients."""
        if self._clip is None and self.clipper is not None:
            return self.clipper.last
        return self._clip

    def watched(self, closure: Callable[..., Any], ready: Callable[[Step], None]) -> Callable[..., Any]:
        """The closure; `ready` is told when its first evaluation has left the gradients."""

        def evaluation(*args: Any, **kwargs: Any) -> Any:
            if self.evaluations == 1:
                self._clip = self.clip  # a clipper wraps us, and has clipped by now
            self.inside = True
            try:
                result = closure(*args, **kwargs)
            finally:
                self.inside = False
            self.evaluations += 1
            if self.evaluations == 1:
                ready(self)
            return result

        evaluation.__code__ = evaluation.__code__.replace(co_filename=UNCOUNTED)
        return functools.wraps(closure)(evaluation)


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
