"""Sequences of tokens: where their targets lie against the inputs, what an output depends on, what fills their ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import GradientEdge

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import LossGraph, output_shape
from surefoot.capture.place import text_of
from surefoot.facts import Fact, TokenTargets
from surefoot.quantities import tokens

_LOSSES = frozenset({"cross_entropy", "nll_loss"})
_LOOKS, _TRIES = 30, 2  # of the numbers; of the gradient
_SHORTER = 3  # positions that targets may be less than the inputs
_LEAST = 8  # positions, fewer tell nothing


@dataclass
class _Found:
    """What one loss function at one place was given."""

    place: str | None
    ignored: int
    counts_all: bool  # every entry counts the same: neither weighted nor left to the script to mask
    padding: int | None = None  # of the embedding that reads the same vocabulary
    padded: list[float] = field(default_factory=list)  # shares of the targets that are that
    # By the time's dimension; a reach is the position of a score and the last that it depends on.
    agreements: dict[int, list[list[float]]] = field(default_factory=lambda: {0: [], 1: []})
    reaches: dict[int, tuple[int, int]] = field(default_factory=dict)
    ends: list[list[float]] = field(default_factory=list)
    ends_of_inputs: list[list[float]] = field(default_factory=list)


class TokenTargetsProbe(Probe):
    """Looks at the first inspected losses that have a class number for each position of a sequence.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    name = "token targets"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._read: list[tuple[Tensor, nn.Embedding]] = []  # since the last backward
        self._found: dict[str, _Found] = {}
        self._looks = self._tries = 0
        self._forbidden = False

    def tensor_hooked(self, tensor: Tensor) -> None:
        """There may be hooks of the script's own in the graph: they must not run once more."""
        self._forbidden = True

    def compiled(self) -> None:
        """What is compiled is left alone."""
        self._forbidden = True

    def tokens_read(self, given: Tensor, module: nn.Embedding) -> None:
        """Keep them until the backward."""
        if len(self._read) < 8:
            self._read.append((given.detach(), module))

    def graph_inspected(self, backward: Backward) -> None:
        """Hold the targets of the one loss against the tokens that were read."""
        read, self._read = self._read, []
        target, scores = backward.target, backward.scores
        call = backward.calls[-1].call if len(backward.calls) == 1 else None
        if call is None or call.function not in _LOSSES or not isinstance(target, Tensor) or scores is None:
            return
        if target.is_floating_point() or target.numel() < 2 or self._looks >= _LOOKS or scores.ndim < 2:
            return
        self._looks += 1
        given = call.described
        ignored = given.get("ignore_index")
        found = self._found.setdefault(
            f"{text_of(call.site)} {call.function}",
            _Found(
                text_of(call.site),
                -100 if ignored is None else int(ignored),
                not given.get("weighted") and given.get("reduction", "mean") != "none",
            ),
        )
        classes = int(scores.shape[1])
        same = [(ids, module) for ids, module in read if module.num_embeddings == classes]
        self._padding(found, target, [module for _, module in same])
        if len(same) == 1 and same[0][0].ndim == 2:
            self._sequences(found, same[0][0], target, scores, backward)

    def _padding(self, found: _Found, target: Tensor, vocabularies: list[nn.Embedding]) -> None:
        declared = {module.padding_idx for module in vocabularies}
        if len(declared) == 1 and (padding := declared.pop()) is not None:
            found.padding = padding
            self._deferred.add((target == padding).float().mean(), found.padded.extend)

    def _sequences(
        self, found: _Found, ids: Tensor, target: Tensor, scores: Tensor, backward: Backward
    ) -> None:
        size, length = ids.shape
        for dimension in (1, 0):
            rows, positions = (size, length) if dimension else (length, size)
            count, rest = divmod(target.numel(), rows)
            if rest or not max(_LEAST, positions - _SHORTER) <= count <= positions or rows < 2:
                continue
            x, y = (
                (ids, target.reshape(rows, count))
                if dimension
                else (ids.t(), target.reshape(count, rows).t())
            )
            self._deferred.add(tokens.agreement(x, y), found.agreements[dimension].append)
            if dimension:
                self._deferred.add(tokens.filling(y), found.ends.append)
                self._deferred.add(tokens.filling(x), found.ends_of_inputs.append)
            if self._tries < 2 * _TRIES and not self._forbidden and backward.saved_tensors:
                self._tries += 1
                self._reach(found, dimension, ids, scores, count)

    def _reach(self, found: _Found, dimension: int, ids: Tensor, scores: Tensor, count: int) -> None:
        """The last position that a score in the third quarter depends on, of the first sequence."""
        graph = LossGraph(scores.grad_fn) if scores.grad_fn is not None else None
        if graph is None or any(
            isinstance(node, BackwardCFunction) or "BatchNorm" in node.name() for node in graph.nodes
        ):
            return
        read = [
            n
            for n in graph.nodes
            if n.name() == "EmbeddingBackward0" and (output_shape(n) or ())[:2] == ids.shape
        ]
        position = min(3 * count // 4, count - 2)
        with torch.enable_grad():
            if scores.ndim == 3:
                score = scores[0, :, position].sum() if dimension else scores[position, :, 0].sum()
            else:
                rows = ids.shape[0] if dimension else ids.shape[1]
                score = scores[position if dimension else position * rows].sum()
        try:
            gradients = torch.autograd.grad(
                score, [GradientEdge(n, 0) for n in read], retain_graph=True, allow_unused=True
            )
        except RuntimeError:
            return  # the graph of an earlier step, freed or changed since
        reached = [g for g in gradients if g is not None]
        if len(reached) == 1:  # of several embeddings of these tokens one may be meant to see them all
            own = reached[0][0] if dimension else reached[0][:, 0]

            def receive(numbers: list[float]) -> None:
                found.reaches[dimension] = (position, int(numbers[0]))

            self._deferred.add(tokens.reach(own), receive)

    def facts(self) -> Iterator[Fact]:
        """One fact for each loss function at each line."""
        for subject, found in self._found.items():
            dimension, offset, share = _alignment(found)
            position, last = found.reaches.get(dimension, (None, None))
            if offset == 0:  # equal tensors do not tell which dimension is the time
                position, last = _followed_both_ways(found)
            yield TokenTargets(
                subject,
                place=found.place,
                offset=offset,
                agreement=share,
                position=position,
                depends_on=last,
                padding=found.padding,
                padding_share=_mean(found.padded),
                ignored=found.ignored,
                counts_all=found.counts_all,
                **_ends(found),
            )


def _alignment(found: _Found) -> tuple[int, int | None, float | None]:
    """The dimension of the time, the offset at which targets equal inputs (None: none stands out), the share."""
    best: tuple[int, int | None, float | None] = (1, None, None)
    for dimension, rows in found.agreements.items():
        columns = [sorted(column) for column in zip(*rows, strict=True)]
        shares = [column[len(column) // 2] for column in columns]
        if not shares or any(math.isnan(share) for share in shares):
            continue
        top = max(range(len(shares)), key=lambda i: shares[i])
        if best[2] is None or shares[top] > best[2]:
            clear = all(share < tokens.CLEAR for i, share in enumerate(shares) if i != top)
            best = (dimension, tokens.OFFSETS[top] if clear else None, shares[top])
    return best


def _followed_both_ways(found: _Found) -> tuple[int | None, int | None]:
    """Position and last dependence along the dimension in which a score depends on most."""
    if len(found.reaches) < 2:
        return None, None
    return max(found.reaches.values(), key=lambda pair: pair[1] - pair[0])


def _ends(found: _Found) -> dict[str, Any]:
    """What fills the ends of all inspected batches alike, where inputs and targets have it."""
    both = [*found.ends, *found.ends_of_inputs]
    values = {row[0] for row in both}
    if len(values) != 1 or not found.ends:
        return {}
    return {
        "filling": int(values.pop()),
        "filling_share": sum(row[1] for row in found.ends) / len(found.ends),
        "filled_rows": min(row[2] for row in both),
        "filling_elsewhere": int(max(row[3] for row in both)),
        "filling_varies": int(max(row[4] for row in found.ends)),
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
