"""The rule `noisy-gradient`."""

from __future__ import annotations

import math
from collections.abc import Iterator

from surefoot.facts import Noise
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, STEP_SIZE, WIRING
from surefoot.rules.progress import progress


@rule(
    "noisy-gradient",
    severity="warning",
    needs=(Noise, "series:loss"),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, "exploding-gradient", "lr-too-high", "vanishing-gradient"),
)
def noisy_gradient(
    history: History, *, times: float = 50.0, learned: float = 0.1, looks: int = 5, sure: float = 3.0
) -> Iterator[Draft]:
    """Gradients are mostly noise: the batch is too small.

    ## What it finds
    A gradient noise scale many times the examples of a step (batch size, times the batches accumulated, times
    the processes), in a training that does not get on.

    ## Why it matters
    Below the noise scale, a step goes mostly in the direction of its own few examples; steps undo each other.

    ## Evidence shown
    The noise scale in examples, the examples in a step, their ratio, the loss at the start and at the end.

    ## What to try
    Larger batches, accumulation over several, or a lower rate, which averages over steps.

    ## When to ignore it
    If the loss falls: small batches with a rate to match train well, and the noise scale grows as the loss
    falls. A ratio of 50 (option `times`) and less than a tenth of the way made (option `learned`) are asked
    for, and a signal three standard errors (option `sure`) above none: where chance alone would give as much, as it
    does with labels that belong to other rows, larger batches have nothing to find.
    5 looks (option `looks`) are waited for.

    ## Source
    McCandlish et al. 2018, arXiv:1812.06162, equation 2.9 (simple noise scale).
    """
    seen = progress(history)
    for fact in history.facts(Noise):
        scale, size = fact.scale, fact.examples
        if scale is None or not math.isfinite(scale) or size < 1 or fact.observations < looks:
            continue
        if scale < times * size or not seen.stuck(learned):
            continue
        if (fact.signal_share or 0.0) < sure * (fact.signal_error or 0.0):
            continue
        yield Draft(
            title=(
                f"Gradients are mostly noise: their noise scale is {scale:.3g} examples, a step has {size}."
            ),
            fix="Use larger batches (or accumulate over several), or lower the rate.",
            evidence={
                "noise scale": scale,
                "examples in a step": size,
                "ratio": scale / size,
                "loss at the start": seen.start,
                "loss at the end": seen.late,
            },
            confidence=0.6,
        )
        return
