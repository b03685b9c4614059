"""Linear layers one after the other, with nothing between that bends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.graph.loss_graph import LossGraph
from surefoot.capture.parameters import Parameters
from surefoot.facts import Fact, LinearPair


class LinearPairsProbe(Probe):
    """Finds such pairs in the graphs of inspected losses.

    Args:
        parameters: Number and name the layers' weights.
    """

    name = "linear pairs"

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._pairs: dict[tuple[int, int], dict[str, Any]] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Note those that are new."""
        if backward.graph is not None:
            self._read(backward.graph)

    def _read(self, seen: LossGraph) -> None:
        nonlinearities: int | None = None
        for pair in seen.linear_pairs():
            first, second = self._parameters.index_of(pair.first), self._parameters.index_of(pair.second)
            if (first, second) in self._pairs:
                continue
            if nonlinearities is None:
                nonlinearities = seen.nonlinearities()
            inner, outer = pair.inner_width, pair.outer_width
            entering = pair.first.numel() // max(1, inner)
            self._pairs[(first, second)] = {
                "between": tuple(pair.between),
                "nonlinearities": nonlinearities,
                "bottleneck": inner < min(outer, entering),
                "inner_width": inner,
            }

    def facts(self) -> Iterator[Fact]:
        """One fact for each pair."""
        for (first, second), data in self._pairs.items():
            names = [self._parameters.name_at(index) for index in (first, second)]
            layers = self._row_length(first, second)
            yield LinearPair(
                f"{names[0]} -> {names[1]}", first=names[0], second=names[1], layers=layers, **data
            )

    def _row_length(self, first: int, second: int) -> int:
        """Layers in the longest row with these two in it."""
        after: dict[int, list[int]] = {}
        before: dict[int, list[int]] = {}
        for a, b in self._pairs:
            after.setdefault(a, []).append(b)
            before.setdefault(b, []).append(a)
        return _longest(first, before, {second}) + _longest(second, after, {first})


def _longest(layer: int, beside: Mapping[int, list[int]], passed: set[int]) -> int:
    """Layers in the longest row that begins at one, itself included; shared weights end it."""
    passed = passed | {layer}
    further = [_longest(other, beside, passed) for other in beside.get(layer, ()) if other not in passed]
    return 1 + max(further, default=0)
