"""Operations whose derivative is infinite at an edge, and how near inspected batches come to it.

A gradient that turns NaN while the loss is finite has such an origin, and by then its graph is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import masks, saved
from surefoot.capture.written import line_of_operation
from surefoot.facts import Fact, SteepOperation

_MOST = 8  # of one graph
_MOST_ENTRIES = 1 << 20
_EDGES: dict[str, tuple[str, str, Callable[[Tensor], Tensor]]] = {
    "SqrtBackward0": ("_saved_result", "a root of zero", lambda v: v),
    "RsqrtBackward0": ("_saved_result", "a reciprocal root of zero", torch.reciprocal),
    "LogBackward0": ("_saved_self", "a logarithm of zero", lambda v: v),
    "AcosBackward0": ("_saved_self", "an arc cosine at -1 or 1", lambda v: 1 - v.abs()),
    "AsinBackward0": ("_saved_self", "an arc sine at -1 or 1", lambda v: 1 - v.abs()),
    "DivBackward0": ("_saved_other", "a division by zero", torch.abs),
    "ReciprocalBackward0": ("_saved_result", "a division by zero", lambda v: v.abs().reciprocal()),
}


class _Operation:
    def __init__(self, name: str, detail: str, masked: bool) -> None:
        self.name = name
        self.detail = detail
        self.masked = masked
        self.least = float("inf")

    def receive(self, numbers: list[float]) -> None:
        """Take the nearest of an inspected batch."""
        self.least = min(self.least, numbers[0])


class SteepOperationsProbe(Probe):
    """Measures them at inspected steps.

    Args:
        deferred: Where device numbers wait for the next flush.
    """

    name = "steep operations"

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._operations: dict[tuple[str, int], _Operation] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Measure how near they come."""
        graph = backward.graph
        if graph is None or not backward.saved_tensors:
            return
        met: dict[str, int] = {}
        for node in graph.nodes:
            name = node.name()
            if name not in _EDGES or sum(met.values()) >= _MOST:
                continue
            met[name] = met.get(name, 0) + 1
            attribute, detail, distance = _EDGES[name]
            value = saved(node, attribute)
            if isinstance(value, Tensor) and value.is_floating_point() and 0 < value.numel() <= _MOST_ENTRIES:
                key = (name, met[name])
                if key not in self._operations:
                    self._operations[key] = _Operation(name, detail, masks(graph, node))
                self._measure(self._operations[key], distance, value)

    def _measure(self, operation: _Operation, distance: Callable[[Tensor], Tensor], value: Tensor) -> None:
        self._deferred.add(distance(value.detach()).min().float(), operation.receive)

    def facts(self) -> Iterator[Fact]:
        """One fact for each, by its order in the graph."""
        for (name, turn), found in self._operations.items():
            yield SteepOperation(
                f"{name} {turn}",
                operation=name,
                detail=found.detail,
                least=found.least,
                line=line_of_operation(name),
                masked=found.masked,
            )
