"""The rule `undertrained`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.progress import progress, stretches


@rule(
    "undertrained",
    severity="information",
    needs=("metric:val_loss", "series:loss"),
    since="0.1",
    follows=(
        *WIRING,
        *DATA,
        *STEP_SIZE,
        *START,
        "clipping-too-tight",
        "exploding-gradient",
        "lr-too-high",
        "lr-too-low",
        "lr-vanished",
        "plateau",
        "vanishing-gradient",
    ),
)
def undertrained(history: History, *, fall: float = 0.15, evaluations: int = 5) -> Iterator[Draft]:
    """The run ended while both losses were still falling fast.

    ## What it finds
    A finished run whose training and validation loss both fell by more than 15 % over its last fifth.

    ## Why it matters
    More steps would have brought more; comparisons with other settings are not fair yet.

    ## Evidence shown
    Both losses a fifth before the end and at the end.

    ## What to try
    Train longer, or with a higher rate or another schedule.

    ## When to ignore it
    If time is what is short. Only runs that came to their own end are judged, with at least 5 evaluations
    (option `evaluations`).

    ## Source
    Learning curves in the usual sense; over its last fifth a loss that falls as 1/t falls by 20 %, one that
    falls as 1/sqrt(t) by 11 %. The option `fall` (0.15) lies between: a run that still falls as 1/t is told.
    """
    seen, validation = progress(history), history.metric("val_loss").finite.values
    if (
        history.run.status != "finished"
        or not seen.judged
        or len(seen.losses) < 100
        or len(validation) < evaluations
    ):
        return
    if intent.adversarial(history) or seen.start <= 0:
        return
    parts = stretches(seen.losses)
    fifth = max(1, len(validation) // 5)
    train_then, train_now = float(parts[-3]), float(parts[-1])
    val_then, val_now = float(validation[-1 - fifth]), float(validation[-1])
    # Losses near zero halve for ever; what is left must still matter against the start.
    if train_now < 0.05 * seen.start or val_now > float(np.min(validation)):
        return
    if train_now > (1 - fall) * train_then or val_now > (1 - fall) * val_then:
        return
    yield Draft(
        title=(
            f"The run ended while the losses still fell (validation {val_then:.3g} to {val_now:.3g} in the "
            "last fifth)."
        ),
        fix="Train longer, or reach the same sooner with a higher rate.",
        evidence={"training loss": [train_then, train_now], "validation loss": [val_then, val_now]},
        confidence=0.6,
    )
