"""The rule `constant-output`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.losses import LOGITS, moments, training_losses
from surefoot.rules.progress import Progress, last_fifth, progress


@rule(
    "constant-output",
    severity="warning",
    needs=("metric:output/batch_std", LossCall),
    since="0.1",
    follows=(
        *WIRING,
        *DATA,
        *STEP_SIZE,
        *START,
        "clipping-too-tight",
        "dead-units",
        "exploding-gradient",
        "lr-too-high",
        "lr-too-low",
        "lr-vanished",
        "missing-nonlinearity",
        "nonfinite-loss",
        "saturated-units",
        "vanishing-gradient",
    ),
)
def constant_output(history: History, *, share: float = 0.01, learned: float = 0.1) -> Iterator[Draft]:
    """The model says the same whatever the input.

    ## What it finds
    Outputs that hardly differ between the examples of a batch, while the targets do, in a training that
    scores no better than a constant guess.

    ## Why it matters
    The inputs do not reach the output: the model has settled on the mean of the targets, or on the largest
    class.

    ## Evidence shown
    The deviation of the outputs across the batch, now and at the start, that of the targets, the loss now and
    what a constant guess would score.

    ## What to try
    Look at the inputs (scaled? all equal?), at dead units, at the rate; then whether the model learns ten
    examples.

    ## When to ignore it
    If the best answer is a constant. Players against each other are not judged. Fresh networks spread outputs
    by a tenth to one; the outputs must have fallen below 1 % (option `share`) of the targets' deviation, or
    of one for logits.
    Less than a tenth of the way must have been made (option `learned`).

    ## Source
    "Predicts the majority class", common in DeepFD's cases; A. Karpathy (2019).
    """
    seen, spread = progress(history), history.metric("output/batch_std").finite.values
    calls = training_losses(history)
    if len(spread) < 10 or not seen.stuck(learned) or not calls or intent.adversarial(history):
        return
    _, deviation = moments(calls[0].target)
    scale = 1.0 if calls[0].integer_target or not np.isfinite(deviation) else deviation
    late = last_fifth(spread)
    if scale <= 0:
        return
    if late > share * scale:
        yield from _majority(history, calls[0], late, seen)
        return
    yield Draft(
        title=(
            f"The output is the same for every input (deviation {late:.2g} across a batch, targets "
            f"{deviation:.2g})."
        ),
        fix="Check that the inputs reach the output: their scale, dead units, the rate.",
        evidence={
            "deviation across the batch": late,
            "at the start": float(np.median(spread[:3])),
            "deviation of the targets": deviation,
            "loss at the end": seen.late,
            "a constant guess scores": seen.chance,
        },
        where=calls[0].place,
        confidence=0.7,
    )


def _majority(history: History, call: LossCall, spread: float, seen: Progress) -> Iterator[Draft]:
    """A binary classifier that gives every example the frequent label."""
    often, _ = moments(call.target)
    logits = history.metric("output/mean").finite.values
    rare = min(often, 1 - often)
    if call.function not in LOGITS or not 0 < rare < 0.2 or len(logits) < 10:
        return
    level = last_fifth(logits)
    if (level > 0) != (often > 0.5) or abs(level) < 2.5 * spread:
        return
    yield Draft(
        title=(
            f"Every example gets the frequent label: the other one is {rare:.1%} of the targets and is "
            "never said."
        ),
        fix="Weight the rare class (pos_weight), or draw batches in which both labels are as frequent.",
        evidence={
            "share of the rare label": rare,
            "mean logit": level,
            "deviation of the logits across the batch": spread,
            "loss at the end": seen.late,
            "a constant guess scores": seen.chance,
        },
        where=call.place,
        confidence=0.6,
    )
