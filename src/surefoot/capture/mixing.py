"""Whether one example's output depends on the other examples of its batch: a view where a permute was meant.

The gradient of the first example's output, taken back through the graph that is there anyway, must leave the
other examples' rows at zero. Batch norm mixes on purpose; past it nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from surefoot.capture import graph
from surefoot.capture.deferred import Deferred
from surefoot.capture.loop import FactRow

_ON_PURPOSE = ("BatchNorm", "CudnnBatchNorm", "SyncBatchNorm")
# Operations that move dimensions, or run along one that should be the time. Others (a product with an
# adjacency matrix, a mean over the batch) mix because somebody wanted it.
_BY_MISTAKE = (
    "View",
    "Reshape",
    "Transpose",
    "Permute",
    "TBackward",
    "Rnn",
    "Attention",
    "Lstm",
    "Gru",
    "Select",
)
_LONGEST = 60  # operations followed back
_TRIES = 2


class MixingLook:
    """Tests the first losses that have one row of scores for each example.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self.forbidden = (
            False  # there are hooks of the script's own in the graph: they must not run once more
        )
        self._tries = 0
        self._found: dict[str, Any] | None = None

    def wanted(self, scores: Tensor, target: Any, batch_size: int | None) -> bool:
        """Whether the test says something here: as many rows of scores as examples, and not a table of pairs."""
        return (
            self._tries < _TRIES
            and not self.forbidden
            and scores.grad_fn is not None
            and scores.ndim >= 2
            and scores.shape[0] > 2
            and scores.shape[0] == batch_size
            and scores.shape[1] != scores.shape[0]
            and isinstance(target, Tensor)
            and target.ndim >= 1
            and target.shape[0] == scores.shape[0]
        )

    def look(self, scores: Tensor, place: str | None, model: str) -> None:
        """Follow the first example back through the graph."""
        self._tries += 1
        if any(isinstance(node, BackwardCFunction) for node in graph.LossGraph(scores.grad_fn).nodes):
            self.forbidden = True  # the script's own backward, too, runs as often as the script says
            return
        size = int(scores.shape[0])
        nodes = [node for node in _path(scores.grad_fn) if (graph.output_shape(node) or (0,))[0] == size]
        for index, node in enumerate(nodes):
            if any(word in node.name() for word in _ON_PURPOSE):
                nodes = nodes[: index + 1]  # its output is the last thing that is looked at
                break
        if len(nodes) < 2:
            return
        with torch.enable_grad():
            first = scores[:1].sum()
        gradients = torch.autograd.grad(
            first, [GradientEdge(node, 0) for node in nodes], retain_graph=True, allow_unused=True
        )
        names: list[str] = []
        numbers: list[Tensor] = []
        for before, gradient in zip([None, *nodes], gradients, strict=False):
            if gradient is not None and gradient.shape[0] == size and gradient.numel():
                names.append(before.name() if before is not None else "SliceBackward0")
                numbers += [gradient[0].abs().max().float(), gradient[1:].abs().max().float()]
        if numbers:
            self._deferred.add(torch.stack(numbers), lambda v: self._receive(names, v, place, model))

    def _receive(self, names: list[str], numbers: list[float], place: str | None, model: str) -> None:
        """Take the largest gradient of the first example and of the others at each operation, last one first."""
        for operation, own, others in zip(names, numbers[::2], numbers[1::2], strict=True):
            if others > 0:
                mixed = any(word in operation for word in _BY_MISTAKE)
                self._keep(mixed, others / max(own, torch.finfo(torch.float32).tiny), operation, place, model)
                return
        self._keep(False, 0.0, None, place, model)

    def _keep(self, mixed: bool, change: float, operation: str | None, place: str | None, model: str) -> None:
        if self._found is None or mixed:
            self._found = {
                "mixed": mixed, "change": change, "operation": operation, "place": place, "model": model,
            }  # fmt: skip

    def facts(self) -> Iterator[FactRow]:
        """The result."""
        if self._found is not None:
            yield "batch-mixing", "model", self._found


def _path(node: Any) -> list[Any]:
    """The operations from the scores back to the data, along the branch that is not a parameter."""
    path: list[Any] = []
    while node is not None and len(path) < _LONGEST and not graph.is_leaf(node):
        path.append(node)
        branches = [
            child for child, _ in node.next_functions if child is not None and not _only_parameters(child)
        ]
        node = branches[0] if branches else None
    return path


def _only_parameters(node: Any) -> bool:
    for _ in range(4):
        if graph.is_leaf(node):
            return True
        children = [child for child, _ in node.next_functions if child is not None]
        if len(children) != 1:
            return False
        node = children[0]
    return False
