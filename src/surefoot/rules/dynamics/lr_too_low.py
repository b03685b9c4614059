"""The rule `lr-too-low`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING, WRONG_LOSS
from surefoot.rules.movement import movement
from surefoot.rules.progress import progress
from surefoot.rules.range_test import find_lr
from surefoot.rules.steepness import answers


@rule(
    "lr-too-low",
    severity="warning",
    needs=("series:loss", "parameter:update_norm"),
    since="0.1",
    follows=(
        *NO_LEARNING,
        *WRONG_LOSS,
        "clipping-too-tight",
        "dead-units",
        "lr-vanished",
        "symmetric-initialization",
        "vanishing-gradient",
    ),
)
def lr_too_low(
    history: History, *, travelled: float = 0.05, drop: float = 0.1, pull: float = 0.02, steps: int = 60
) -> Iterator[Draft]:
    """The learning rate is too low.

    ## What it finds
    A loss that has hardly moved after many steps, with gradients that would move it, and updates so small
    that all of them together come to less than 5 % of the weights.

    ## Why it matters
    The training would take a hundred times as long as it needs.

    ## Evidence shown
    The highest rate of the run, the usual size of an update over that of the weights, the way travelled so far,
    the loss at the start and now, and the gradient times the weights over the loss: how much the loss would
    answer to a relative change.

    ## What to try
    Multiply the rate by ten until the loss falls; `surefoot find-lr train.py` shows where it begins to.

    ## When to ignore it
    During a warm-up (the rate still rises) it waits; a model that starts well below a constant guess is being
    fine-tuned. A loss that fell by a tenth (option `drop`) is slow but on its way; weights that travelled
    further than 5 % (option `travelled`: usual trainings do that in ten steps) have some other trouble. A
    loss that answers to a relative change of the weights by less than 2 % (option `pull`) is at its bottom
    and not reported. 60 steps (option `steps`) are waited for.

    ## Source
    A. Karpathy, CS231n notes, "Ratio of weights:updates"; TheDeepChecker (2022).
    """
    seen, moved = progress(history), movement(history)
    if not seen.judged or len(seen.losses) < steps or intent.warming_up(history):
        return
    usual = moved.usual_ratio
    way = usual * len(seen.losses)
    if math.isnan(usual) or usual <= 0 or way > travelled or abs(1 - seen.late / seen.start) > drop:
        return
    if seen.chance is not None and seen.start < 0.5 * seen.chance:
        return  # it had learned before: fine-tuning, gently
    found = answers(history)
    answer = float(np.median(found)) if len(found) else 0.0
    if not answer > pull:
        return
    rate = intent.highest_rate(history)
    yield Draft(
        title=f"The learning rate{f' {rate:g}' if rate is not None else ''} is too low: "
        f"{len(seen.losses)} steps moved the weights by {way:.1g} of their size and the loss "
        f"from {seen.start:.4g} to {seen.late:.4g}.",
        fix=(
            "Multiply the learning rate by ten, and again, until the loss falls "
            f"({find_lr(history)} suggests one)."
        ),
        evidence={
            "highest rate": rate,
            "usual update over weights": usual,
            "way travelled over weights": way,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
            "gradient times weights over loss": answer,
        },
        where=intent.place_of_rate(history),
        confidence=0.9,
    )
