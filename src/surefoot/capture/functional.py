"""Descent through `torch.func`: gradients come back from a function, parameters are a tree that goes into it.

Each call is a backward; a step is where the tree's tensors are other ones, or have moved, at the next call.
"""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.utils._pytree import KeyPath, tree_flatten_with_path, tree_leaves

from surefoot.capture.by_hand import StepByHand
from surefoot.capture.events.records import Counts
from surefoot.capture.host import host_number
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.parameters import Parameters
from surefoot.capture.place import caller_site


class FunctionalDescent:
    """Finds the steps of a training whose gradients `torch.func` gives.

    Args:
        loops: The loops of the training, which this is one of.
        parameters: Name its tensors.
        counts: How far the training is.
        step: The step that it is about to take.
    """

    def __init__(self, loops: Loops, parameters: Parameters, counts: Counts, step: StepByHand) -> None:
        self._loops = loops
        self._parameters = parameters
        self._counts = counts
        self._loop: Loop | None = None
        self._last: tuple[weakref.ref[Tensor], int] | None = None
        self._next = step

    def called(self, given: Any, gradients: Any, value: Any) -> None:
        """A function made by `torch.func.grad` or `grad_and_value` has returned.

        Args:
            given: The tree it was differentiated by.
            gradients: The tree that came back.
            value: What was differentiated; None where the call does not give it.
        """
        named = [(path, leaf) for path, leaf in tree_flatten_with_path(given)[0] if isinstance(leaf, Tensor)]
        leaves = [leaf for _, leaf in named]
        found = [leaf for leaf in tree_leaves(gradients) if isinstance(leaf, Tensor)]
        if not leaves or not found or not self._loops.without_optimizers:
            return  # with an optimizer, gradients by torch.func are something beside the descent
        if self._moved(leaves[0]) and self._loop is not None:
            self._next.close(self._loop, leaves)
        loop = self._loop or self._begin(named)
        if len(loop.columns) == len(leaves):
            self._parameters.descended(loop.columns, leaves)
        self._counts.backwards += 1
        number = host_number(value.detach()) if isinstance(value, Tensor) else None
        loss = number if number is not None else value.detach().mean() if isinstance(value, Tensor) else None
        if loss is not None:
            loop.after_backward(loss, caller_site(), True)
        if len(found) == len(leaves):
            self._next.measure(loop, leaves, found)
        self._last = weakref.ref(leaves[0]), leaves[0]._version

    def _moved(self, leaf: Tensor) -> bool:
        return self._last is not None and (self._last[0]() is not leaf or self._last[1] != leaf._version)

    def _begin(self, named: list[tuple[KeyPath, Tensor]]) -> Loop:
        loop = self._loop = Loop(-1, None)
        loop.parameters = [leaf for _, leaf in named]
        self._loops.number(loop)
        loop.unmeasured["torch.func keeps no graph to look at"] = (
            "activations",
            "gradient noise",
            "loss functions",
        )
        loop.parameters = []  # each step makes new ones: not ours to keep
        self._parameters.name_columns(loop.columns, [_name(path) for path, _ in named])
        return loop


def _name(path: KeyPath) -> str:
    """A place in a tree as a script would name it: "layers.0.weight", "[1]"."""
    parts = [getattr(key, "key", getattr(key, "name", getattr(key, "idx", key))) for key in path]
    said = [f"[{part}]" if isinstance(part, int) else str(part) for part in parts]
    return ".".join(said).replace(".[", "[")
