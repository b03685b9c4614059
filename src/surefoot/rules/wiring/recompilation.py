"""The rule `recompilation`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Compilation
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("recompilation", severity="warning", needs=(Compilation,), since="0.1")
def recompilation(history: History, *, share: float = 1.0) -> Iterator[Draft]:
    """A compiled function is compiled again and again.

    ## What it finds
    A function that `torch.compile` compiled as often as it may, since something that the compiled code was made
    for changes from call to call: a number that a module counts up, a shape, an object.

    ## Why it matters
    Each compilation takes seconds. After the last one that is allowed (`recompile_limit`, 8), PyTorch runs the
    function uncompiled, and all of it was for nothing.

    ## Evidence shown
    How often it was compiled, how often it may be, and the guard that failed the last time.

    ## What to try
    Make the changing number a tensor (a buffer), or keep it out of the compiled function;
    `torch.compile(dynamic=True)` or batches of equal shape where a shape changes. `TORCH_LOGS=recompiles` prints
    every reason.

    ## When to ignore it
    If the function is meant to have as many forms. Two or three compilations are usual (train and eval mode, a
    smaller last batch, a shape that PyTorch then takes for changing) and never reported; it must be as many as
    the limit (option `share`).

    ## Source
    PyTorch's documentation, "Dealing with recompilations".
    """
    for fact in history.facts(Compilation):
        if not fact.limit or fact.compiled < share * fact.limit:
            continue
        what = fact.reason or "TORCH_LOGS=recompiles tells"
        yield Draft(
            title=f"{fact.function} was compiled {fact.compiled} times, as often as PyTorch allows.",
            fix=f"Keep what changes out of the compiled function, or make it a tensor ({what}).",
            step=fact.last_step or None,
            evidence={"compiled": fact.compiled, "allowed": fact.limit, "what changed": fact.reason},
            where=fact.place,
            confidence=0.9,
        )
