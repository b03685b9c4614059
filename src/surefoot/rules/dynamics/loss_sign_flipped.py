"""The rule `loss-sign-flipped`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import ManualLoss
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.base import Draft, rule
from surefoot.rules.losses import training_losses
from surefoot.rules.movement import movement
from surefoot.rules.progress import BEYOND_NOISE, Progress, progress, stretches

POSITIVE = (
    "cross_entropy",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "nll_loss",
)

ROUND_OFF = 0.02  # share of a negated loss's values that may lie above zero all the same

# Ascent under small steps: a fifth above the start, ten standard errors, up in nearly all of ten stretches. A loss that
# large steps throw about rises as well; it does not rise steadily.
CLIMBED, SURE, STEADY = 1.2, 10.0, 0.8

# A fall without bound: six losses a stretch, to twenty times the first size, the last third of the way twice as fast as
# the third before it. Log-densities of a good fit grow slowly, similarities are bounded.
LEAST, UNBOUNDED, FASTER = 60, 20.0, 2.0


@rule(
    "loss-sign-flipped",
    severity="error",
    since="0.1",
    follows=("missing-zero-grad", "nll-without-log-softmax", "target-out-of-range", "output-activation"),
)
def loss_sign_flipped(history: History, *, small: float = 0.05) -> Iterator[Draft]:
    """The loss is made larger instead of smaller.

    ## What it finds
    Backward from the negative of a loss function, a negative loss that falls ever faster, an optimizer with
    `maximize=True`, or a loss that climbs steadily under small steps: gradient ascent.

    ## Why it matters
    Every step makes the model worse.

    ## Evidence shown
    The ratio of the value that backward starts from to the loss function's (-1: flipped), the first and the
    last loss, the size of the updates.

    ## What to try
    Remove the minus sign, set `maximize=False`, or subtract the gradient in an update by hand.

    ## When to ignore it
    Ascent on purpose: several optimizers that play against each other, and steps on inputs (adversarial
    examples), are recognised. A climb that comes with large steps is a rate too high, not a flipped sign; the
    option `small` (5 % of the weights a step) draws the line.

    ## Source
    Definition of gradient descent (Cauchy 1847).
    """
    calls = training_losses(history, POSITIVE)
    own = any(p.is_parameter for p in history.parameters if p.optimizer is not None)
    if intent.adversarial(history) or not (own or _by_hand(history)):
        return
    optimizer = intent.main_optimizer(history)
    cadence = intent.main_cadence(history)
    ratio = cadence.root_over_loss if cadence is not None else None
    maximize = bool(optimizer.settings.get("maximize")) if optimizer is not None else False
    seen = progress(history)
    # The loss function is never negative, so its negative is never positive: a term of another sign was added else.
    flipped = (
        ratio is not None
        and ratio < 0
        and len(seen.losses) > 0
        and float(np.mean(seen.losses > 0)) < ROUND_OFF
    )
    if calls and flipped != maximize:
        how = "the optimizer maximizes" if maximize else "backward starts from its negative"
        yield _finding(f"{calls[0].function} is made larger: {how}.", calls[0].place, ratio, history, 1.0)
        return
    if not maximize and _falls_without_bound(seen):
        title = f"The loss falls without bound ({seen.losses[0]:.3g} to {seen.losses[-1]:.3g}): its sign is flipped."
        yield _finding(title, _place(history), ratio, history, 0.7)
        return
    if maximize or not seen.judged or not seen.enough:
        return
    usual = movement(history).usual_ratio
    rises = np.diff(stretches(seen.losses)) > 0
    climbs = seen.late > CLIMBED * seen.start and seen.trend > SURE and float(np.mean(rises)) > STEADY
    if climbs and not usual >= small and seen.late - seen.start > BEYOND_NOISE * seen.noise:
        title = f"The loss climbs under small steps ({seen.start:.3g} to {seen.late:.3g}): ascent."
        yield _finding(title, intent.place_of_rate(history), ratio, history, 0.8)


def _falls_without_bound(seen: Progress) -> bool:
    """Negative throughout, twenty times its first size, and ever faster: a likelihood that is minimised.

    Bounded losses (cosine similarities) slow down on their way, and log-densities of a good fit grow slowly.
    """
    if len(seen.losses) < LEAST or float(np.max(seen.losses)) >= 0:
        return False
    parts = stretches(seen.losses)
    if parts[-1] > UNBOUNDED * parts[0]:
        return False
    falls = -np.diff(parts)
    return bool(np.all(falls > 0) and np.sum(falls[-3:]) > FASTER * np.sum(falls[-6:-3]))


def _place(history: History) -> str | None:
    fact = history.fact(ManualLoss)
    return fact.place or fact.subject if fact is not None else None


def _by_hand(history: History) -> bool:
    optimizer = intent.main_optimizer(history)
    return optimizer is not None and optimizer.manual


def _finding(title: str, where: str | None, ratio: float | None, history: History, sure: float) -> Draft:
    seen = progress(history)
    return Draft(
        title=title,
        fix=(
            "Minimise the loss itself: remove the minus sign or maximize=True, and subtract gradients in "
            "updates by hand."
        ),
        step=1,
        evidence={
            "value of backward over loss": ratio,
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        where=where,
        confidence=sure,
    )
