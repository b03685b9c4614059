"""Descent through `torch.func`: gradients come back from a function, parameters are a tree that goes into it.

Each call is a backward; a step is where the tree's tensors are other ones, or have moved, at the next call.
"""

from __future__ import annotations

import time
import weakref
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils._pytree import tree_leaves

from surefoot.capture.host import Norms, gradient_norms, host_number
from surefoot.capture.loop import Loop
from surefoot.capture.pending import PendingStep
from surefoot.capture.place import caller_site

if TYPE_CHECKING:
    from surefoot.capture.observer import Observer


class FunctionalDescent:
    """Finds the steps of a training whose gradients `torch.func` gives.

    Args:
        observer: Numbers the steps.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._loop: Loop | None = None
        self._last: tuple[weakref.ref[Tensor], int] | None = None
        self._norms: Norms | None = None

    def called(self, given: Any, gradients: Any, value: Any) -> None:
        """A function made by `torch.func.grad` or `grad_and_value` has returned.

        Args:
            given: The tree it was differentiated by.
            gradients: The tree that came back.
            value: What was differentiated; None where the call does not give it.
        """
        observer = self._observer
        leaves = [leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor)]
        found = [leaf for leaf in tree_leaves(gradients) if isinstance(leaf, Tensor)]
        if not leaves or not found or not observer.loops.without_optimizers:
            return  # with an optimizer, gradients by torch.func are something beside the descent
        if self._moved(leaves[0]):
            self._step()
        loop = self._loop
        if loop is None:
            loop = self._loop = Loop(-1, None)
            observer.loops.number(loop)
        observer.backwards += 1
        number = host_number(value.detach()) if isinstance(value, Tensor) else None
        loss = number if number is not None else value.detach().mean() if isinstance(value, Tensor) else None
        if loss is not None:
            loop.after_backward(loss, caller_site(), True)
        self._norms = gradient_norms(found)
        self._last = weakref.ref(leaves[0]), leaves[0]._version

    def _moved(self, leaf: Tensor) -> bool:
        return self._last is not None and (self._last[0]() is not leaf or self._last[1] != leaf._version)

    def _step(self) -> None:
        observer, loop = self._observer, self._loop
        assert loop is not None
        losses = loop.step_by_hand(observer.steps + 1, replaced=True)
        step = observer.stepped()
        now = observer.recorder.now()
        observer.clock.tick(now, time.thread_time())
        observer.recorder.step(
            PendingStep(step, loop.index, now, losses, self._norms, None, None, None, None, None)
        )
        self._norms = None
        observer.next_step(step)
