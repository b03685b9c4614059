"""Whether one example's output depends on the other examples of its batch: a view where a permute was meant.

The gradient of the last example's output, taken back through the graph that is there anyway, must leave the
other examples' rows at zero. Batch norm mixes on purpose; past it nothing is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge
from torch.utils.data import default_collate

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import LossGraph, output_shape
from surefoot.capture.graph.mixed_rows import Link, cause, rows
from surefoot.capture.place import caller_site, text_of
from surefoot.facts import BatchMixing, Fact

_UNNAMED = "the model"  # where no module was called: a network of plain functions
_TRIES = 2


class _SequenceRead(NamedTuple):
    """What a layer that takes the first dimension for the time was given.

    Args:
        layer: Its class.
        size: Of that dimension.
        other: Of the next one.
        place: Where it is called.
    """

    layer: str
    size: int
    other: int
    place: str | None


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
        self._read: _SequenceRead | None = None
        self._batches_of: int | None = None  # examples that the loader under way puts side by side

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

    def loader_iterated(self, loader: Any) -> None:
        """Batches that PyTorch puts together have the examples first."""
        self._batches_of = loader.batch_size if loader.collate_fn is default_collate else None

    def sequence_read(self, batch: Tensor, given: Tensor, module: nn.Module) -> None:
        """A layer may take the examples for time steps."""
        size = int(batch.shape[0]) if batch.ndim else 0
        if given.shape[0] == size > 1 and given.shape[1] not in (1, size):
            self._read = _SequenceRead(
                type(module).__name__, size, int(given.shape[1]), text_of(caller_site())
            )

    def graph_inspected(self, backward: Backward) -> None:
        """Test the scores that entered the loss function, where that says something."""
        scores = backward.scores
        read, self._read = self._read, None
        if read is not None and scores is not None and self._along_examples(read, scores, backward.target):
            self._keep(backward.model, mixed=True, operation=read.layer, place=read.place)
            return
        if scores is not None and backward.saved_tensors and self._wanted(scores, backward.target):
            self._look(scores, text_of(backward.site), backward.model)

    def _along_examples(self, read: _SequenceRead, scores: Tensor, target: Any) -> bool:
        """Whether a layer ran along the examples: the first dimension is theirs by the loader, or by the scores."""
        if self._batches_of == read.size:
            return True
        each = scores.ndim == 2 and scores.shape[0] == read.size and scores.shape[1] != read.other
        return each and isinstance(target, Tensor) and target.ndim >= 1 and target.shape[0] == read.size

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
        if any(isinstance(node, BackwardCFunction) for node in LossGraph(scores.grad_fn).nodes):
            self._forbidden = True  # the script's own backward, too, runs as often as the script says
            return
        size = int(scores.shape[0])
        nodes, links = rows(scores.grad_fn, size)
        if not links or any((output_shape(node) or (0,))[:2] == (size, size) for node in nodes):
            return  # as long as the batch is large: rows cannot be told from time steps
        with torch.enable_grad():
            last = scores[-1:].sum()  # the last: a recurrent layer hands on from the first
        edges = [GradientEdge(node, 0) for node in nodes]
        try:
            gradients = torch.autograd.grad(last, edges, retain_graph=True, allow_unused=True)
        except RuntimeError:
            return  # the graph of an earlier step, freed or changed since: the script's own backward will say so
        numbers: list[Tensor] = []
        for gradient in gradients:
            if gradient is not None and gradient.shape[0] == size and gradient.numel():
                numbers += [gradient[-1].abs().max().float(), gradient[:-1].abs().max().float()]
            else:
                numbers += [last.new_full((), torch.nan, dtype=torch.float32)] * 2
        # Without its operations: what waits for the flush must not keep the graph.
        causes = [(link._replace(operations=()), cause(link, nodes, size)) for link in links]
        self._deferred.add(torch.stack(numbers), lambda v: self._receive(causes, v, place, model))

    def _receive(
        self, causes: list[tuple[Link, str | None]], numbers: list[float], place: str | None, model: str
    ) -> None:
        """Take the largest gradient of the last example and of the others at each tensor, last tensor first."""
        for link, operation in causes:
            own, others = numbers[2 * link.before : 2 * link.before + 2]
            if numbers[2 * link.after + 1] == 0 and others > 0 and operation is not None:
                self._keep(
                    model,
                    mixed=True,
                    operation=operation,
                    place=place,
                    own_gradient=own,
                    others_gradient=others,
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
