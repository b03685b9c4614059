"""The rule `graph-retained`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import Calls, GraphGrowth
from surefoot.records import History
from surefoot.rules.base import Draft, rule

SECOND_TIME = "backward through the graph a second time"


@rule("graph-retained", severity="error", since="0.1")
def graph_retained(
    history: History, *, growth: float = 2.0, share: float = 0.5, looks: int = 8
) -> Iterator[Draft]:
    """The autograd graph grows from step to step.

    ## What it finds
    Backward calls with `retain_graph=True` on a graph that gets larger each time, because something of the
    last step (a hidden state, a running loss) is carried on without `detach()`; or a script that dies because
    the graph of an earlier step was already freed.

    ## Why it matters
    Each step goes back through all earlier ones: steps get slower and memory runs out, and old steps are
    trained again.

    ## Evidence shown
    Nodes of the graph at the first and at the last look, calls with `retain_graph=True`.

    ## What to try
    `state = state.detach()` between steps, `total += loss.item()`, and no `retain_graph`.

    ## When to ignore it
    If the graph grows on purpose. Growth without `retain_graph` (longer episodes, longer sequences) is not
    reported. It must double (option `growth`) over at least 8 looks (option `looks`), rising in nearly all of
    them.
    Half of all backward calls (option `share`) must keep the graph.

    ## Source
    PyTorch documentation, "Autograd mechanics"; truncated back-propagation through time (Williams and Peng
    1990).
    """
    fact = history.fact(GraphGrowth)
    if SECOND_TIME in (history.run.error or ""):
        calls = history.fact(Calls)
        yield Draft(
            title="backward() failed because it reached back into the graph of an earlier step.",
            fix="Detach what is carried from step to step (state = state.detach()).",
            evidence={"error": history.run.error},
            where=fact.place if fact is not None else calls.first_backward if calls is not None else None,
        )
        return
    if fact is None:
        return
    backwards = max((f.backwards for f in history.facts(Calls)), default=0)
    first, last, kept = fact.first_nodes, fact.last_nodes, fact.retain_graph
    nodes = history.metric("graph/nodes").finite.values
    if not first or last < growth * first or kept < share * max(1, backwards) or fact.looked < looks:
        return
    if len(nodes) >= looks and float(np.mean(np.diff(nodes) > 0)) < 0.8:
        return
    yield Draft(
        severity="warning",
        title=(
            f"The autograd graph grew from {first} to {last} nodes: each backward goes through earlier "
            "steps again."
        ),
        fix="Detach what is carried from step to step (state = state.detach()) and drop retain_graph=True.",
        evidence={"nodes at first": first, "nodes at last": last, "calls with retain_graph": kept},
        where=fact.place,
    )
