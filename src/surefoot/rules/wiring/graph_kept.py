"""The rule `graph-kept`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import KeptGraphs
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("graph-kept", severity="warning", needs=(KeptGraphs,), since="0.1")
def graph_kept(history: History, *, least: int = 10, share: float = 0.5) -> Iterator[Draft]:
    """Losses are kept together with their graphs, and memory grows with every step.

    ## What it finds
    Losses of earlier steps that the script still holds as tensors with a graph (`losses.append(loss)`), and
    running sums that every step adds a loss to (`total += loss`).

    ## Why it matters
    Each kept loss keeps the operations of its step, and all that they hold. Memory grows until the training
    dies of it, often hours later.

    ## Evidence shown
    How many of the inspected losses were alive at once, and the terms of the longest running sum.

    ## What to try
    Keep numbers: `losses.append(loss.item())`, `total += loss.item()`, or `loss.detach()` where the device must
    not wait.

    ## When to ignore it
    If all of them enter one later backward. Ten losses (option `least`) and half of those inspected (option
    `share`) must be held, or ten terms reach back beyond the step before.

    ## Source
    PyTorch's FAQ, "My model reports cuda runtime error(2): out of memory": don't accumulate history across the
    loop.
    """
    for fact in history.facts(KeptGraphs):
        held = fact.held >= max(least, share * fact.looked)
        if not held and fact.terms < least:
            continue
        yield Draft(
            title=(
                f"The losses of {fact.held} earlier steps are still held together with their graphs."
                if held
                else f"A running sum holds the graphs of {fact.terms} earlier steps."
            ),
            fix="Keep numbers: losses.append(loss.item()), total += loss.item() (or loss.detach()).",
            evidence={"losses held": fact.held, "terms of a sum": fact.terms, "looks": fact.looked},
            where=fact.place,
            confidence=0.9,
        )
