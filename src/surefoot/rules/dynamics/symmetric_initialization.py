"""The rule `symmetric-initialization`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.facts import Calls, Symmetry
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING


@rule(
    "symmetric-initialization",
    severity="error",
    needs=(Symmetry,),
    since="0.1",
    follows=NO_LEARNING,
)
def symmetric_initialization(history: History, *, spread: float = 1e-5, steps: int = 20) -> Iterator[Draft]:
    """All units of a layer are identical, and stay so.

    ## What it finds
    Hidden layers whose rows of weights were equal at the start (all zero, or one constant) and are still
    equal after some steps: their gradients are equal too, so nothing tells the units apart.

    ## Why it matters
    A layer of a hundred equal units is a layer of one. With zeros everywhere, hidden layers get no gradient
    at all.

    ## Evidence shown
    The layers, their number of units, the spread of their rows at the first and the last look.

    ## What to try
    Initialise weights at random (PyTorch's default does; `nn.init.kaiming_uniform_`); constants are for
    biases.

    ## When to ignore it
    A start at zero that breaks up by itself (last layers, adapters, residual branches) is not reported: the
    rows must still be equal to within 1e-5 (option `spread`) after 20 steps (option `steps`).

    ## Source
    Goodfellow, Bengio, Courville 2016, section 8.4; stackoverflow 48027263 and 42516484.
    """
    done = max((f.steps for f in history.facts(Calls)), default=0)
    if done < steps:
        return
    same = [f for f in history.facts(Symmetry) if _symmetric(f, spread)]
    if not same:
        return
    names = [f.subject for f in same]
    zero = all((f.first or 0) == 0 and f.constant for f in same)
    yield Draft(
        title=f"All units of {names[0]} are identical and stay so after {done} steps"
        + (f" (so are those of {len(names) - 1} more layers)." if len(names) > 1 else "."),
        fix=(
            "Initialise weights at random, for example nn.init.kaiming_uniform_; constants are for biases "
            "only."
        ),
        step=1,
        evidence={
            "layers": {f.subject: {"units": f.units, "spread": [f.first, f.last]} for f in same[:10]},
            "constant": zero,
        },
        where=names[0],
        confidence=0.95,
    )


def _symmetric(fact: Symmetry, spread: float) -> bool:
    first, last = fact.first, fact.last
    if fact.is_output or fact.units < 2 or first is None or last is None:
        return False
    if fact.constant and math.isnan(first):
        first = 0.0  # all zero: no norm to divide by
    if math.isnan(last):
        last = first
    return bool(first <= spread and last <= spread)
