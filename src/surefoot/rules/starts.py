"""A first loss far above that of a guess, shared by the rules that name it and those that it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.losses import (
    REGRESSION,
    chance,
    feeding,
    per_element,
    target_moments,
    training_losses,
)
from surefoot.rules.progress import Progress, progress

TIMES = 3.0
FEW = 5  # losses whose median is the start: one batch may hold an outlier
SOON = 50  # steps in which a start that is high on purpose is got over
_SCALES = ("Mul", "Div")


@dataclass(frozen=True, slots=True)
class HighStart:
    """A first loss that is far above that of a guess.

    Args:
        call: The loss call.
        first: Its first value, per example.
        guess: What a guess scores.
        over: Steps until the loss stays at that of a guess; None: it never does.
    """

    call: LossCall
    first: float
    guess: float
    over: int | None


def high_start(history: History, times: float = TIMES) -> HighStart | None:
    """The loss call whose first losses are so many times that of a guess; twice as many for a regression."""
    if intent.adversarial(history):
        return None
    seen = progress(history)
    for call in training_losses(history):
        guess, first = _guess(call, target_moments(history, call)), call.first_value
        if guess is None or first is None or not math.isfinite(first):
            continue
        first = float(first) * per_element(call)
        # A first batch of squared errors is noisier, and a fresh output adds its own variance.
        wanted = times * (2 if call.function in REGRESSION else 1)
        if guess > 0 and first * min(1.0, _beside(seen)) >= wanted * guess:
            over = _over(seen, guess / first)
            if over is None or over > SOON or not _scaled(call):
                return HighStart(call, first, guess, over)
    return None


def _scaled(call: LossCall) -> bool:
    """Whether the script multiplies the scores before they enter the loss: a temperature, a margin loss's scale."""
    return feeding(call.chain) in _SCALES


def _beside(seen: Progress) -> float:
    """The usual one of the first losses over the very first."""
    losses = seen.losses
    return float(np.median(losses[:FEW]) / losses[0]) if len(losses) >= FEW and losses[0] > 0 else 1.0


def _over(seen: Progress, share: float) -> int | None:
    """Steps until the loss stays at this share of its first; None where it never does."""
    losses = seen.losses
    if not len(losses):
        return None
    above = np.flatnonzero(losses > share * losses[0])
    last = int(above[-1]) + 1 if len(above) else 0
    return last if last < len(losses) else None


def _guess(call: LossCall, target: tuple[float, float]) -> float | None:
    if call.weighted or call.reduction == "none":
        return None
    value = chance(call, target)
    if value is None:
        return None
    if call.function not in REGRESSION:
        # A fresh model does not know yet how rare a class is: it guesses evenly.
        return max(value, math.log(2))
    # A fresh regression answers with about zero, not with the mean.
    mean, deviation = target
    return value * (1 + (mean / deviation) ** 2) if call.function == "mse_loss" else value + abs(mean)
