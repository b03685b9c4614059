"""How large the graph of a loss is, and whether it grows from step to step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward
from surefoot.capture.place import text_of
from surefoot.facts import Fact, GraphGrowth


class GraphGrowthProbe(Probe):
    """Counts the operations of inspected losses.

    Args:
        metric: Called with (name, step, value).
    """

    name = "graph growth"

    def __init__(self, metric: Callable[[str, int, float], None]) -> None:
        self._metric = metric
        self._first = 0
        self._last = 0
        self._inspected = 0
        self._retained = 0
        self._place: str | None = None

    def graph_retained(self, backward: Backward) -> None:
        """Count it, and keep the first place."""
        self._retained += 1
        self._place = self._place or text_of(backward.site)

    def graph_inspected(self, backward: Backward) -> None:
        """Note the number of operations."""
        if backward.graph is None:
            return
        self._last = len(backward.graph)
        self._first = self._first or self._last
        self._inspected += 1
        self._metric("graph/nodes", backward.step, float(self._last))

    def facts(self) -> Iterator[Fact]:
        """Its course, once a graph was read."""
        if self._inspected:
            yield GraphGrowth(
                first_nodes=self._first,
                last_nodes=self._last,
                looked=self._inspected,
                retain_graph=self._retained,
                place=self._place,
            )
