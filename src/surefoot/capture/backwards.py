"""Backward passes: was anything cleared before it, what does it start from, and whose loss is it.

At an inspected step its graph is read; what is found there is on the `Backward` that probes hear of.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor

from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import LossGraph
from surefoot.capture.limit import StepLimit
from surefoot.capture.loop import Loop
from surefoot.capture.place import caller_frame, caller_site, text_of
from surefoot.capture.roots import Parts, Roots
from surefoot.capture.training import Training
from surefoot.capture.unseen import readable, without_numbers

_NONE_GIVEN: Mapping[int, Tensor] = MappingProxyType({})
_NOBODY = {0}  # no loop has this id: a loss that is none of ours


class Backwards:
    """Takes each backward from its begin to its end.

    Args:
        training: Whose they are.
        limit: Stop the script after so many where it never steps.

    Attributes:
        leaf_root: One began at a leaf.
        first: Where the first one was called.
    """

    def __init__(self, training: Training, limit: int | None) -> None:
        self._training = training
        self.limit = limit
        self._saved_tensors = True  # what operations kept may be read
        self.scaled = Roots()
        self.leaf_root = False
        self.first: str | None = None
        self._under_way: Backward | None = None

    def saved_tensors_hooked(self) -> None:
        """Reading a kept tensor would run a hook: recompute a checkpointed block, fetch from the host."""
        self._saved_tensors = False

    def begins(
        self,
        root: Tensor,
        retain_graph: bool | None,
        create_graph: bool,
        parts: Parts = (),
        inputs: Sequence[Tensor] | None = None,
    ) -> None:
        """A backward begins.

        Args:
            root: Where it starts, the sum of all where it starts from several.
            retain_graph: As backward was called.
            create_graph: The same.
            parts: Tensors that it starts from, each with its gradient, where that is more than `root` alone.
            inputs: The leaves that it was asked for by name; None: all.
        """
        self._under_way = None
        if without_numbers(root):
            return  # a rehearsal, of shapes alone
        backward = self._under_way = self._made(root)
        at = self._training
        backward.loss = self.scaled.value(parts or ((root, None),))
        if inputs:
            backward.leaves = {id(leaf) for leaf in inputs}
            backward.reached = {id(loop) for loop in at.loops.reached_by(backward.leaves)}
        at.tell.backward_begins(backward)
        if retain_graph and not create_graph:
            at.tell.graph_retained(backward)
        backward.calls = at.losses.before_backward(root, at.progress.counts.steps)
        if at.manual.active:
            at.manual.before_backward(root, backward)
        for loop in at.loops.own:
            left_over = loop.before_backward()
            if left_over and backward.inspected:
                at.tell.gradients_left_over(loop)
        if backward.inspected:
            began = time.thread_time()
            self._inspect(root, backward)
            backward.cost = time.thread_time() - began
        at.modules.judge_training(backward.site)

    def _made(self, root: Tensor) -> Backward:
        at, progress = self._training, self._training.progress
        if progress.step is not None and not progress.step.inside:
            progress.opens(None)  # a step that raised
        counts = progress.counts
        stepless = counts.steps == 0 and progress.step is None
        if stepless and self.limit is not None and counts.backwards >= self.limit:
            raise StepLimit
        site = caller_site()
        # A script that never steps is inspected all the same.
        position = counts.steps + 1 if counts.steps else counts.backwards + 1
        inspected = at.schedule.inspects(position) or site not in at.loops.reach
        backward = Backward(root, site, counts.steps + 1, position, inspected, self._saved_tensors)
        progress.begins(backward)
        if self.first is None:
            self.first = text_of(site)
        return backward

    def _inspect(self, root: Tensor, backward: Backward) -> None:
        at, site, calls = self._training, backward.site, backward.calls
        backward.batch_size = calls[0].call.described.get("batch_size") if calls else None
        at.whose.see_shards()
        if at.loops.only is not None and not at.whose.continues(root):
            at.loops.reach[site] = _NOBODY
            return
        leaves = self._read(root, backward)
        ids = backward.inspected_leaves = {id(leaf) for leaf in leaves}
        backward.leaves = backward.leaves or ids
        backward.columns = [at.parameters.index_of(leaf) for leaf in leaves if leaf.requires_grad]
        at.loops.reach[site] = {id(loop) for loop in at.loops.reached_by(ids)}
        at.modules.mark_trained(ids, site)
        backward.model = next((m.name for m in at.modules.models.values() if m.trained), "")
        backward.scores, backward.target = at.losses.take_scores()
        backward.output = at.losses.take_output()
        at.tell.graph_inspected(backward)
        if at.loops.only is None and at.manual.begins(leaves):
            at.manual.before_backward(root, backward)
        at.parameters.name_from_variables(caller_frame())

    def _read(self, root: Tensor, backward: Backward) -> list[Tensor]:
        """Read the graph; returns the leaves that a gradient will reach, as model and optimizer hold them."""
        parameters = self._training.parameters
        if root.grad_fn is None:
            self.leaf_root = self.leaf_root or root.is_leaf
            self._training.modules.hangs_on_nothing()
            return [root]
        readable_too = backward.saved_tensors and readable(root) is root
        graph = backward.graph = LossGraph(root.grad_fn, saved_tensors=readable_too)
        parameters.reached(leaf for leaf in graph.leaves if leaf.requires_grad)
        return [parameters.held(leaf) for leaf in graph.leaves]

    def ends(self, given: Mapping[int, Tensor] = _NONE_GIVEN) -> None:
        """The backward has ended.

        Args:
            given: Gradients that it returned instead of leaving them in `.grad`, by their leaf's id.
        """
        backward, self._under_way = self._under_way, None
        if backward is None:
            return
        at, progress = self._training, self._training.progress
        steps = progress.counts.steps
        reach = backward.reached if backward.reached is not None else at.loops.reach.get(backward.site)
        progress.unclaimed.append((steps, backward.loss, backward.leaves))
        for loop in at.loops.own:
            if self._may_reach(loop) if not reach else id(loop) in reach or loop.touched():
                loop.after_backward(backward.loss, backward.site, bool(reach))
        if backward.inspected:
            at.tell.gradients_inspected(backward)
            if steps == 0 or progress.step is not None or at.manual.active:
                at.schedule.inspected(backward)
            if steps == 0:
                at.parameters.received(backward.columns)
        backward.ends()
        if at.manual.active:
            at.manual.after_backward(given)

    def _may_reach(self, loop: Loop) -> bool:
        """Whether a backward that reaches nobody's parameters may be a loop's, and its gradients read."""
        return loop.steps > 0 or not self._training.threads.others
