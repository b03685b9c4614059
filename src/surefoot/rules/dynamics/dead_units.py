"""The rule `dead-units`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.records import History
from surefoot.rules.activity import dead_shares
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, SCALE, START, STEP_SIZE, WIRING
from surefoot.rules.progress import progress


@rule(
    "dead-units",
    severity="error",
    needs=("activation:dead_share", "series:loss"),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START, "exploding-gradient", "lr-too-high"),
)
def dead_units(
    history: History, *, whole: float = 0.98, most: float = 0.5, learned: float = 0.3, units: int = 4
) -> Iterator[Draft]:
    """Units that never fire.

    ## What it finds
    Layers of rectified units of which all, or most, gave zero for every example of every batch looked at.

    ## Why it matters
    A unit that never fires gets no gradient and never comes back. A layer without any cuts the network in
    two.

    ## Evidence shown
    Share of dead units in each layer concerned, at the first look and at the last.

    ## What to try
    Dead from the start: biases or weights are initialised far off, or inputs are not scaled. Died later:
    lower the rate, warm up; or use leaky ReLU or GELU.

    ## When to ignore it
    A few silent units in a hundred are natural, and large nets have many. A layer is reported if 98 % (option
    `whole`) are dead; or half of them (option `most`) in a training that has made less than 30 % of the way
    (option `learned`). Layers of less than 4 units are left out.
    The options are `whole` (0.98), `most` (0.5), `learned` (0.3) and `units` (4).

    ## Source
    AUTOTRAINER (ICSE 2021) and TheDeepChecker (2022), dead ReLU; stackoverflow 54688502.
    """
    seen = progress(history)
    suffers = seen.judged and (seen.nonfinite > 0 or (seen.enough and seen.learned < learned))
    worst = [a for a in dead_shares(history, units) if a.late >= whole or (a.late >= most and suffers)]
    if not worst:
        return
    name, first, late = max(worst, key=lambda a: a.late)
    stuck = seen.judged and seen.enough and seen.learned < learned
    born = first >= most
    yield Draft(
        severity="error" if late >= whole and stuck else "warning",
        title=f"{late:.0%} of the units of {name} never fire"
        + (", from the start." if born else f" any more ({first:.0%} at the first look)."),
        fix=(
            "Initialise biases at zero and scale the inputs."
            if born
            else "Lower the learning rate, or use leaky ReLU."
        ),
        step=1 if born else None,
        evidence={n: {"first look": round(a, 3), "last look": round(b, 3)} for n, a, b in worst[:10]},
        where=name,
        confidence=0.9 if born else 0.8,
        because=_before_any_step(late >= whole) if born else (),
    )


def _before_any_step(whole: bool) -> tuple[str, ...]:
    """What may be behind units that were dead at the first look.

    No wiring kills a whole layer there; half of one is nothing by itself, and told for a training that may suffer from
    its wiring.
    """
    return (*SCALE, "symmetric-initialization") if whole else (*WIRING, *SCALE, "symmetric-initialization")
