"""The rule `plateau`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.progress import progress


@rule(
    "plateau",
    severity="warning",
    needs=("series:loss",),
    since="0.1",
    follows=(
        *WIRING,
        *DATA,
        *STEP_SIZE,
        *START,
        "clipping-too-tight",
        "constant-output",
        "dead-units",
        "exploding-gradient",
        "frozen-parameters",
        "loss-spike",
        "lr-too-high",
        "lr-too-low",
        "lr-vanished",
        "missing-nonlinearity",
        "noisy-gradient",
        "nonfinite-gradient",
        "nonfinite-loss",
        "saturated-units",
        "scaler-overflow",
        "tiny-batch-norm",
        "train-in-eval-mode",
        "vanishing-gradient",
    ),
)
def plateau(
    history: History, *, learned: float = 0.02, steps: int = 100, running: int = 1000
) -> Iterator[Draft]:
    """The loss stands still where it began.

    ## What it finds
    A loss that has made less than 2 % of the way after a hundred steps and more, and no trend. The cause,
    where one is known, is the main finding and this one is folded under it.

    ## Why it matters
    Nothing is learned, and the curve does not say why.

    ## Evidence shown
    The loss at the start, at its best and at the end, what a constant guess would score, the trend in
    standard errors.

    ## What to try
    In this order: another rate, a handful of examples that must be learned by heart, the
    targets against the inputs, a simpler model.

    ## When to ignore it
    Problems that take long before the loss falls. While the run goes on, 1000 steps (option `running`) are
    waited for; during a warm-up nothing is said; nor about losses that mean no progress (players, policy
    gradients, moving targets), nor where the validation loss falls.
    The options `learned` (2 %) and `steps` (100) are the figures above.

    ## Source
    A. Karpathy, "A Recipe for Training Neural Networks" (2019).
    """
    seen = progress(history)
    needed = steps if intent.ended(history) else running
    if not seen.judged or len(seen.losses) < needed or intent.warming_up(history):
        return
    if seen.start <= 0 or not seen.learned < learned or 1 - seen.best / seen.start > 0.1:
        return
    # A start far above a constant guess that has come down to it has moved, though it learned nothing.
    if seen.trend < -6 and 1 - seen.late / seen.start > learned:
        guess = seen.chance is not None and seen.late >= (1 - learned) * seen.chance
        if not guess:
            return
    validation = history.metric("val_loss").finite.values
    if len(validation) >= 2 and float(np.min(validation)) < 0.9 * float(validation[0]):
        return
    # What rises does anything but stand still.
    said = "does not fall" if seen.late > (1 + learned) * seen.start else "stands still"
    yield Draft(
        title=f"The loss {said}: {seen.start:.4g} at the start, {seen.late:.4g} after {len(seen.losses)} steps.",
        fix="Try another rate, then whether the model can learn ten examples by heart.",
        evidence={
            "loss at the start": seen.start,
            "best stretch": seen.best,
            "loss at the end": seen.late,
            "a constant guess scores": seen.chance,
            "trend in standard errors": round(seen.trend, 2),
        },
        confidence=0.6,
    )
