"""The rule `lr-too-low`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING, WRONG_LOSS
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import progress
from surefoot.rules.promise import promised
from surefoot.rules.range_test import find_lr
from surefoot.rules.steepness import answers

ELSEWHERE = (
    *NO_LEARNING,
    "clipping-too-tight",
    "dead-units",
    "lr-vanished",
    "symmetric-initialization",
    "vanishing-gradient",
)

_FARTHER = 2.0  # times the way, where the steps promise little: 200 healthy steps travel 0.19 and more


@rule(
    "lr-too-low",
    severity="warning",
    needs=("series:loss", "parameter:update_norm"),
    since="0.1",
    follows=(*ELSEWHERE, *WRONG_LOSS),
)
def lr_too_low(
    history: History,
    *,
    travelled: float = 0.05,
    drop: float = 0.1,
    promise: float = 0.6,
    learned: float = 0.5,
    pull: float = 0.02,
    steps: int = 60,
) -> Iterator[Draft]:
    """The learning rate is too low.

    ## What it finds
    A loss that has hardly moved after many steps, with gradients that would move it, and updates so small
    that all of them together come to less than 5 % of the weights. Or a loss that is not half way, and steps that
    together could have lowered it by little more than half, had each gone straight down.

    ## Why it matters
    The training would take a hundred times as long as it needs.

    ## Evidence shown
    The highest and the usual rate of the run, the usual size of an update over that of the weights, the way
    travelled so far, the loss at the start and now, what all steps promised to first order as a share of the loss, and
    the gradient times the weights over the loss: how much the loss would answer to a relative change.

    ## What to try
    Multiply the rate by ten until the loss falls; `surefoot find-lr train.py` shows where it begins to.

    ## When to ignore it
    During a warm-up (the rate still rises, and the run has not come to its own end) it waits; a model that starts
    well below a constant guess is being fine-tuned. Weights that travelled further than 5 % (option `travelled`:
    usual trainings do that in ten steps; twice as much, where the steps promise little) have some other trouble. A
    loss that fell by a tenth (option `drop`) or half (option `learned`) of the way is slow but on its way, unless the
    promises of the steps come to less than 0.6 of it (option `promise`): 1.6 and more in sound trainings of 200
    steps, at most 0.19 at a hundredth of their rate. Each optimizer is judged by itself. A loss that answers to a
    relative change of the weights by less than 2 % (option `pull`) is at its bottom and not reported. 60 steps
    (option `steps`) are waited for.

    ## Source
    A. Karpathy, CS231n notes, "Ratio of weights:updates"; TheDeepChecker (2022).
    """
    limits = _Limits(travelled, drop, promise, learned, pull, steps)
    for view in intent.each_optimizer(history):
        found = _judge(view, limits)
        if found is not None:
            yield found
            return


@dataclass(frozen=True, slots=True)
class _Limits:
    """The options of the rule."""

    travelled: float
    drop: float
    promise: float
    learned: float
    pull: float
    steps: int


def _judge(history: History, limits: _Limits) -> Draft | None:
    seen, moved = progress(history), movement(history)
    if not seen.judged or len(seen.losses) < limits.steps or intent.warming_up(history):
        return None
    usual, rate, all_steps = moved.usual_ratio, intent.highest_rate(history), promised(history)
    way = usual * len(seen.losses)
    if not way <= _FARTHER * limits.travelled or (usual == 0 and not rate):
        return None
    still = way <= limits.travelled and abs(1 - seen.late / seen.start) <= limits.drop
    if not still and not (all_steps <= limits.promise and seen.learned < limits.learned):
        return None
    if seen.chance is not None and seen.start < 0.5 * seen.chance:
        return None  # it had learned before: fine-tuning, gently
    found = answers(history)
    answer = float(np.median(found)) if len(found) else 0.0
    if not answer > limits.pull:
        return None
    return Draft(
        title=f"The learning rate{_rate(history, moved)}: {_steps(moved, len(seen.losses))}, "
        f"and the loss went from {seen.start:.4g} to {seen.late:.4g}.",
        fix=(
            "Multiply the learning rate by ten, and again, until the loss falls "
            f"({find_lr(history)} suggests one)."
        ),
        evidence={
            "highest rate": rate,
            "usual rate": intent.usual_rate(history),
            "usual update over weights": usual,
            "way travelled over weights": way,
            "promised by all steps, of the loss": all_steps,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
            "gradient times weights over loss": answer,
        },
        where=intent.place_of_rate(history),
        confidence=0.9,
        # A flat loss makes no step of Adam's smaller.
        because=ELSEWHERE if still and intent.scale_free(intent.main_optimizer(history)) else (),
    )


def _rate(history: History, moved: Movement) -> str:
    """The rate that is too low: under a schedule that lost the usual step in rounding, not the highest one."""
    highest, usual = intent.highest_rate(history), intent.usual_rate(history)
    if highest is None or usual is None:
        return " is too low"
    if moved.usual_ratio == 0:
        return f" {usual:.3g} is too low"
    return f" {highest:g} is too low" + ("" if usual == highest else f" ({usual:.3g} at the usual step)")


def _steps(moved: Movement, steps: int) -> str:
    if moved.usual_ratio > 0:
        return f"{steps} steps moved the weights by {moved.usual_ratio * steps:.1g} of their size"
    most = "most of " if moved.ratios.any() else ""
    return f"{most}{steps} steps are lost in the rounding of the weights"
