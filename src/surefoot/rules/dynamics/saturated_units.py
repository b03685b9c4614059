"""The rule `saturated-units`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, NO_LEARNING, SCALE, START, STEP_SIZE, WIRING
from surefoot.rules.movement import movement
from surefoot.rules.progress import progress

BOUNDED = ("sigmoid", "tanh", "hardsigmoid", "hardtanh", "softsign")


@rule(
    "saturated-units",
    severity="warning",
    needs=("activation:saturated_share", "series:loss"),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START, "exploding-gradient", "lr-too-high"),
)
def saturated_units(
    history: History, *, share: float = 0.8, learned: float = 0.3, fresh: float = 0.6
) -> Iterator[Draft]:
    """Bounded activations that sit at the end of their range.

    ## What it finds
    Hidden sigmoid or tanh layers most of whose outputs lie within 5 % of an end of the range, in a training
    that does not get on.

    ## Why it matters
    There the slope is nearly zero: gradients do not pass, and the units do not change.

    ## Evidence shown
    The saturated share of each layer concerned, at the first look and now.

    ## What to try
    Scale the inputs, use Xavier initialisation, lower the rate, put a normalisation layer in front of the
    activation.

    ## When to ignore it
    The activation behind the last weight may saturate (a sure classifier does) and is left out. 80 % (option
    `share`) are asked for, and less than 30 % of the way made (option `learned`), or 60 % where it was so
    from the first look (option `fresh`): a fresh network has no reason to be sure.

    ## Source
    Rakitianskaia and Engelbrecht 2015, measure of saturation, as in TheDeepChecker (2022), which takes 0.85.
    """
    layer, seen = history.activation_layer("saturated_share"), progress(history)
    if len(layer) < 3 or not seen.enough or not seen.judged or seen.learned >= max(learned, fresh):
        return
    output = _output(history)
    worst: list[tuple[str, float, float]] = []
    for info in history.activations:
        shares = layer.values[:, info.index]
        shares = shares[np.isfinite(shares)]
        if info.function not in BOUNDED or info.name == output or len(shares) < 3:
            continue
        first, late = float(shares[0]), float(np.median(shares[-3:]))
        if late >= share and seen.learned < (fresh if first >= share else learned):
            worst.append((info.name, first, late))
    if not worst:
        return
    name, first, late = max(worst, key=lambda w: w[2])
    yield Draft(
        title=(
            f"{late:.0%} of the outputs of {name} sit at an end of their range ({first:.0%} at the first "
            "look)."
        ),
        fix="Scale the inputs and use Xavier initialisation, or normalise in front of the activation.",
        evidence={n: {"first look": round(a, 3), "last look": round(b, 3)} for n, a, b in worst[:10]},
        where=name,
        confidence=0.75,
        # Saturated at the first look: no step has done it, and no loss.
        because=(*NO_LEARNING, *SCALE, *START) if first >= share else (),
    )


def _output(history: History) -> str | None:
    """The activation behind the model's last weight, which makes its output."""
    columns = movement(history).columns
    weight = history.parameters[int(columns[-1])].name if len(columns) else None
    return next((a.name for a in history.activations if weight and a.name.endswith(f"after {weight}")), None)
