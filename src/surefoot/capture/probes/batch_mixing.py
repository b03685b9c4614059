"""Whether one example's output depends on the other examples of its batch: a view where a permute was meant.

The gradient of the last example's output, taken back through the graph that is there anyway, must leave the
other examples' rows at zero. Batch norm mixes on purpose; past it nothing is said.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from surefoot.capture import graph
from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.place import caller_site, text_of
from surefoot.facts import BatchMixing, Fact

_UNNAMED = "the model"  # where no module was called: a network of plain functions
_ON_PURPOSE = ("BatchNorm", "CudnnBatchNorm", "SyncBatchNorm")
# Operations that run along a dimension that should be the time, and those that move dimensions. Others (a
# product with an adjacency matrix, a mean over the batch) mix because somebody wanted it.
_ALONG_TIME = ("Rnn", "Lstm", "Gru", "Attention")
_MOVES = ("View", "Reshape", "Transpose", "Permute", "TBackward", "Select")
_MOST_NODES = 400  # of one row for each example
_MOST_ENTRIES = 1 << 24  # of the gradients that are held at a time
_TRIES = 2


class _Link(NamedTuple):
    """A tensor with a row for each example, the next one behind it, and the operations from one to the other."""

    after: int
    before: int
    operations: tuple[Any, ...]


class BatchMixingProbe(Probe):
    """Tests the first losses that have one row of scores for each example.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    name = "mixing"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._forbidden = False
        self._tries = 0
        self._batch_size: int | None = None  # of the last training batch that entered a model
        self._found: BatchMixing | None = None

    def tensor_hooked(self, tensor: Tensor) -> None:
        """There may be hooks of the script's own in the graph: they must not run once more."""
        self._forbidden = True

    def compiled(self) -> None:
        """What is compiled is left alone."""
        self._forbidden = True

    def batch_entered(self, phase: str, batch: Tensor, module: nn.Module, step: int, inspected: bool) -> None:
        """So many rows are one for each example."""
        if phase == "train":
            self._batch_size = int(batch.shape[0]) if batch.ndim else None

    def layer_called(self, batch: Tensor, given: Tensor, model: str) -> None:
        """The batch itself may have been viewed with its dimensions exchanged."""
        if exchanged(batch, given):
            self._keep(model, mixed=True, operation="view of the input", place=text_of(caller_site()))

    def graph_inspected(self, backward: Backward) -> None:
        """Test the scores that entered the loss function, where that says something."""
        scores = backward.scores
        if scores is not None and backward.saved_tensors and self._wanted(scores, backward.target):
            self._look(scores, text_of(backward.site), backward.model)

    def _wanted(self, scores: Tensor, target: Any) -> bool:
        """Whether the test says something here: as many rows of scores as examples, and not a table of pairs."""
        return (
            self._tries < _TRIES
            and not self._forbidden
            and scores.grad_fn is not None
            and scores.ndim >= 2
            and scores.shape[0] > 2
            and scores.shape[0] == self._batch_size
            and scores.shape[1] != scores.shape[0]
            and isinstance(target, Tensor)
            and target.ndim >= 1
            and target.shape[0] == scores.shape[0]
        )

    def _look(self, scores: Tensor, place: str | None, model: str) -> None:
        """Follow the last example back through the graph."""
        self._tries += 1
        if any(isinstance(node, BackwardCFunction) for node in graph.LossGraph(scores.grad_fn).nodes):
            self._forbidden = True  # the script's own backward, too, runs as often as the script says
            return
        size = int(scores.shape[0])
        nodes, links = _rows(scores.grad_fn, size)
        if not links or any((graph.output_shape(node) or (0,))[:2] == (size, size) for node in nodes):
            return  # as long as the batch is large: rows cannot be told from time steps
        with torch.enable_grad():
            last = scores[-1:].sum()  # the last: a recurrent layer hands on from the first
        gradients = torch.autograd.grad(
            last, [GradientEdge(node, 0) for node in nodes], retain_graph=True, allow_unused=True
        )
        numbers: list[Tensor] = []
        for gradient in gradients:
            if gradient is not None and gradient.shape[0] == size and gradient.numel():
                numbers += [gradient[-1].abs().max().float(), gradient[:-1].abs().max().float()]
            else:
                numbers += [last.new_full((), torch.nan, dtype=torch.float32)] * 2
        causes = [(link, _cause(link, nodes, size)) for link in links]
        self._deferred.add(torch.stack(numbers), lambda v: self._receive(causes, v, place, model))

    def _receive(
        self, causes: list[tuple[_Link, str | None]], numbers: list[float], place: str | None, model: str
    ) -> None:
        """Take the largest gradient of the last example and of the others at each tensor, last tensor first."""
        for link, cause in causes:
            own, others = numbers[2 * link.before : 2 * link.before + 2]
            if numbers[2 * link.after + 1] == 0 and others > 0 and cause is not None:
                self._keep(
                    model, mixed=True, operation=cause, place=place, own_gradient=own, others_gradient=others
                )
                return
        self._keep(model, mixed=False, place=place)

    def _keep(
        self,
        model: str,
        *,
        mixed: bool,
        operation: str | None = None,
        place: str | None,
        own_gradient: float | None = None,
        others_gradient: float | None = None,
    ) -> None:
        if self._found is None or (mixed and not self._found.mixed):
            self._found = BatchMixing(
                model or _UNNAMED,
                mixed=mixed,
                operation=operation,
                own_gradient=own_gradient,
                others_gradient=others_gradient,
                place=place,
            )

    def facts(self) -> Iterator[Fact]:
        """The result."""
        if self._found is not None:
            yield self._found


def exchanged(batch: Tensor, seen: Tensor) -> bool:
    """Whether `seen` is the batch's own memory read with the examples in another dimension's place.

    Example:
        >>> x = torch.zeros(4, 3, 2)
        >>> exchanged(x, x.view(3, 4, 2)), exchanged(x, x.transpose(0, 1)), exchanged(x, x.view(12, 2))
        (True, False, False)
    """
    return (
        batch.ndim == seen.ndim >= 2
        and batch.shape[0] != seen.shape[0]
        and min(batch.shape[0], seen.shape[0]) > 1
        and sorted(batch.shape) == sorted(seen.shape)
        and batch.data_ptr() == seen.data_ptr()
        and batch.is_contiguous()
        and seen.is_contiguous()
    )


def _rows(root: Any, size: int) -> tuple[list[Any], list[_Link]]:
    """The operations with a row for each example, from the scores back to the data, and how they follow each other."""
    nodes: list[Any] = [root]
    index = {root: 0}
    links: list[_Link] = []
    entries = 0
    queue = deque([root])
    while queue:
        node = queue.popleft()
        if any(word in node.name() for word in _ON_PURPOSE):
            continue
        for found, between in _behind(node, size):
            if found not in index:
                shape = graph.output_shape(found) or ()
                entries += torch.Size(shape).numel()
                if len(nodes) >= _MOST_NODES or entries > _MOST_ENTRIES:
                    return nodes, links
                index[found] = len(nodes)
                nodes.append(found)
                queue.append(found)
            links.append(_Link(index[node], index[found], (node, *between)))
    return nodes, links


def _behind(node: Any, size: int, limit: int = 4000) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """The next operations with a row for each example, each with those on the way to it."""
    queue: deque[tuple[Any, tuple[Any, ...]]] = deque([(node, ())])
    seen = {node}
    while queue and len(seen) < limit:
        current, between = queue.popleft()
        for child, _ in current.next_functions:
            if child is None or child in seen or graph.is_leaf(child) or _only_parameters(child):
                continue
            seen.add(child)
            if (graph.output_shape(child) or (0,))[0] == size:
                yield child, between
            elif not any(word in child.name() for word in _ON_PURPOSE):
                queue.append((child, (*between, child)))


def _cause(link: _Link, nodes: list[Any], size: int) -> str | None:
    """The operation of a link that would mix examples by mistake; None where somebody wanted it, or none could."""
    deep = len(graph.output_shape(nodes[link.after]) or ()) > 2
    for node in link.operations:
        name = str(node.name())
        if any(word in name for word in _ALONG_TIME):
            return name
        if (
            ("Unbind" in name or "Select" in name)
            and link.operations.index(node)
            and graph.saved_dim(node, 8) == 0
        ):
            return name  # the examples one after the other: a recurrent layer takes them for time steps
        if "Softmax" in name:
            shape = graph.output_shape(node) or ()
            # Over the examples themselves, or between steps of sequences that are examples.
            along = (
                len(shape) >= 2 and shape[0] == size != shape[1] and graph.saved_dim(node, len(shape)) == 0
            )
            if along or (deep and len(link.operations) > 1):
                return name
    if any(_takes_matrix(node) for node in link.operations):
        return None
    first = str(link.operations[0].name())
    return first if any(word in first for word in _MOVES) else None


def _takes_matrix(node: Any) -> bool:
    """Whether a product's other operand is data: an adjacency matrix, no weight."""
    names = ("MmBackward0", "BmmBackward0", "MvBackward0")
    return node.name() in names and any(child is None for child, _ in node.next_functions)


def _only_parameters(node: Any) -> bool:
    for _ in range(4):
        if graph.is_leaf(node):
            return True
        children = [child for child, _ in node.next_functions if child is not None]
        if len(children) != 1:
            return False
        node = children[0]
    return False
