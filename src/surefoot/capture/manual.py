"""Descent written by hand: `w -= lr * w.grad`, with no optimizer at all.

The leaves that backward reaches are the parameters; a step is where they have moved between two backwards. An update in
place moves a leaf's version counter, an update through `.data` only its values, and `w = (w -
…).requires_grad_()` makes a new leaf in the old one's place.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from surefoot.capture.by_hand import StepByHand
from surefoot.capture.events.records import Backward, Counts
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.parameters import Parameters
from surefoot.capture.unseen import readable

_COMPARED = 1 << 20  # entries up to which values are compared
_UNDECIDED = 5  # backwards for which they are
_SMALL_GRAPH = 300  # nodes up to which the leaves are read at each backward


class ManualDescent:
    """Finds the steps of descent by hand.

    Args:
        loops: The loops of the training, which this is one of.
        parameters: Number its leaves.
        counts: How far the training is.
        step: The step that it is about to take.
    """

    def __init__(self, loops: Loops, parameters: Parameters, counts: Counts, step: StepByHand) -> None:
        self._loops = loops
        self._parameters = parameters
        self._counts = counts
        self._next = step
        self.active = False
        self.loop: Loop | None = None
        self._versions: list[int] = []
        self._values: list[Tensor] = []
        self._through_data = False
        self._backwards = 0
        self._quiet = 0
        self._nodes = 0
        self._over = False

    def give_way(self) -> None:
        """An optimizer steps: one that was made before the observation, or what follows a part by hand."""
        if self.loop is not None and self.loop.index < 0:
            self._loops.forget(self.loop)
        else:
            self.settle()
        self.active, self._over = False, True

    def begins(self, leaves: list[Tensor]) -> bool:
        """Watch a loss that leads to these leaves from now on, if it is descended by hand; True: it is, and is new."""
        if self.active or not self._wanted(leaves):
            return False
        self.active = True
        return True

    def _wanted(self, leaves: list[Tensor]) -> bool:
        """Whether a loss is descended by hand: no optimizer was made so far, and there are leaves to move."""
        if self._loops.created or self._over:
            return False
        trainable = [leaf for leaf in leaves if leaf.requires_grad]
        held = set().union(*(loop.parameter_ids for loop in self._loops.everyone), set())
        if any(id(leaf) in held or readable(leaf) is not leaf for leaf in trainable):
            return False
        return bool(trainable)

    def before_backward(self, root: Tensor, backward: Backward) -> None:
        """Close the step that happened since the last backward, if one did; then read the leaves anew."""
        if root.grad_fn is None:
            return
        leaves = self._leaves(root, backward.inspected)
        if not leaves:
            return
        loop = self.loop
        if loop is None:
            loop = self.loop = Loop(-1, None)
            loop.created_at_step = self._counts.steps
            self._take(leaves)
            self._loops.wait_for(loop)
            return
        replaced = [id(leaf) for leaf in leaves] != [id(p) for p in loop.parameters]
        same_shapes = [leaf.shape for leaf in leaves] == [p.shape for p in loop.parameters]
        if (replaced and same_shapes) or (not replaced and self._moved()):
            self._step(leaves if replaced else None)
            if replaced:
                for old, new in zip(loop.parameters, leaves, strict=True):
                    if old is not new:
                        self._parameters.replace(old, new)
        elif not replaced:
            self._quiet += 1
            if self._quiet > 1000 and loop.steps == 0:
                self.active = False
        if replaced:
            self._take(leaves)

    def _leaves(self, root: Tensor, inspected: bool) -> list[Tensor]:
        loop = self.loop
        if loop is not None and self._nodes > _SMALL_GRAPH and not inspected:
            return loop.parameters
        graph_leaves = self._parameters.behind(root)
        self._nodes = len(graph_leaves) * 4
        found = [leaf for leaf in graph_leaves if leaf.requires_grad]
        known = {id(p): place for place, p in enumerate(loop.parameters)} if loop is not None else {}
        return sorted(found, key=lambda leaf: known.get(id(leaf), len(known)))

    def _take(self, leaves: list[Tensor]) -> None:
        loop = self.loop
        assert loop is not None
        loop.take(leaves)
        if loop.index >= 0:
            loop.columns = self._parameters.held_by(leaves, loop.index)

    def after_backward(self, given: Mapping[int, Tensor]) -> None:
        """Measure the gradients now: by the next backward they may be cleared.

        Args:
            given: Those that torch.autograd.grad returned, by their leaf's id.
        """
        loop = self.loop
        if loop is None:
            return
        if loop.shared:
            self.active = False
            return
        self._backwards += 1
        found = [given.get(id(p), p.grad) for p in loop.parameters]
        self._versions = [p._version for p in loop.parameters]
        if self._backwards <= _UNDECIDED and sum(p.numel() for p in loop.parameters) <= _COMPARED:
            self._values = [p.detach().clone() for p in loop.parameters]
        else:
            self._values = []
        self._next.measure(loop, loop.parameters, found)

    def _moved(self) -> bool:
        loop = self.loop
        assert loop is not None
        if len(self._versions) != len(loop.parameters):
            return False
        if any(p._version != version for p, version in zip(loop.parameters, self._versions, strict=True)):
            return True
        if self._through_data:
            return True
        if self._values:
            moved = any(
                not torch.equal(p.detach(), v) for p, v in zip(loop.parameters, self._values, strict=True)
            )
            self._through_data = moved
            return moved
        return False

    def _step(self, replaced: list[Tensor] | None = None) -> None:
        loop = self.loop
        assert loop is not None
        self._quiet = 0
        if loop.index < 0:
            self._loops.number(loop)
        self._next.close(loop, replaced)

    def settle(self) -> None:
        """At the end: the step after the last backward."""
        if self.loop is not None and self.loop.backward_seen() and self._moved():
            self._step()
