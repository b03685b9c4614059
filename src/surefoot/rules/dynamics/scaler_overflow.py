"""The rule `scaler-overflow`."""

from __future__ import annotations

from collections.abc import Iterator

from surefoot.facts import Scaler
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, STEP_SIZE, WIRING


@rule(
    "scaler-overflow",
    severity="warning",
    needs=(Scaler,),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, "exploding-gradient", "lr-too-high"),
)
def scaler_overflow(
    history: History, *, share: float = 0.1, skipped: int = 10, floor: float = 1.0
) -> Iterator[Draft]:
    """The gradient scaler skips many steps.

    ## What it finds
    A `GradScaler` that goes on skipping steps because scaled gradients overflow, or whose scale has sunk
    below one.

    ## Why it matters
    Skipped steps learn nothing; a sunken scale no longer keeps small gradients from vanishing in half
    precision.

    ## Evidence shown
    Skipped steps of all steps, the scale at the start and at the end.

    ## What to try
    bfloat16 where the device has it; a lower rate; clipping after `unscale_`; computing the loss in float32.

    ## When to ignore it
    The first few skips are how the scale is found. From 65536 down to 1 takes 16 of them; 10 skips (option
    `skipped`) that make up a tenth of all steps (option `share`), or a scale below 1 (option `floor`), are
    asked for.

    ## Source
    Micikevicius et al. 2018, arXiv:1710.03740, section 3.2.
    """
    for fact in history.facts(Scaler):
        if fact.enabled is False:
            continue
        count, steps, scale = fact.skipped, fact.steps, fact.scale_last
        sunk = scale is not None and scale < floor and count >= skipped
        if not sunk and (count < skipped or count < share * steps or steps < 40):
            continue
        yield Draft(
            title=f"The gradient scaler skipped {count} of {steps} steps; its scale is now {scale:g}."
            if scale is not None
            else f"The gradient scaler skipped {count} of {steps} steps.",
            fix="Use bfloat16, a lower rate or clipping after unscale_, and compute the loss in float32.",
            evidence={"skipped": count, "steps": steps, "scale": [fact.scale_first, scale]},
            confidence=0.8,
        )
