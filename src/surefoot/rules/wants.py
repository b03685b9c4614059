"""What each loss function of PyTorch's wants of its input and of its target: one table for all rules that ask.

As `torch.nn.functional` documents them. A loss that takes any number (squared error) is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from surefoot.facts import LossCall
from surefoot.rules.losses import span

Target = Literal["classes", "unit", "sign", "counts", "distribution"]


@dataclass(frozen=True, slots=True)
class Wants:
    """What one loss function wants.

    Args:
        input: What enters it first.
        target: What that is held against: class numbers (or, as floats, a distribution over them), numbers from 0 to
            1, -1 or 1, counts from 0 on, a distribution.
    """

    input: Literal["scores", "probabilities", "log-probabilities", "any"]
    target: Target


WANTS: dict[str, Wants] = {
    "cross_entropy": Wants("scores", "classes"),
    "nll_loss": Wants("log-probabilities", "classes"),
    "multi_margin_loss": Wants("scores", "classes"),
    "ctc_loss": Wants("log-probabilities", "classes"),
    "kl_div": Wants("log-probabilities", "distribution"),
    "binary_cross_entropy": Wants("probabilities", "unit"),
    "binary_cross_entropy_with_logits": Wants("scores", "unit"),
    "multilabel_soft_margin_loss": Wants("scores", "unit"),
    "soft_margin_loss": Wants("scores", "sign"),
    "hinge_embedding_loss": Wants("any", "sign"),
    "cosine_embedding_loss": Wants("any", "sign"),
    "margin_ranking_loss": Wants("any", "sign"),
    "poisson_nll_loss": Wants("any", "counts"),
}


def of_input(kind: str) -> tuple[str, ...]:
    """The loss functions that want this of their input."""
    return tuple(name for name, wants in WANTS.items() if wants.input == kind)


@dataclass(frozen=True, slots=True)
class Outside:
    """Targets outside of what their loss is defined for.

    Args:
        allowed: In words.
        fix: One sentence.
        certain: No script means that.
        sums: Sums of the targets' rows, where they are what is wrong.
    """

    allowed: str
    fix: str
    certain: bool = True
    sums: tuple[float, float] | None = None


def outside(call: LossCall, slack: float, sums: float) -> Outside | None:
    """What is wrong with a call's targets; None where nothing is, or nothing was seen.

    Args:
        call: A loss call in training.
        slack: Rounding that is not reported.
        sums: The same of the sums of rows, which add up the rounding of many.
    """
    wants, (low, high) = WANTS.get(call.function), span(call.target)
    if wants is None or math.isnan(low):
        return None
    if wants.target == "unit":
        wrong = low < -slack or high > 1 + slack
        return (
            Outside("0 to 1", "Map the targets to 0 and 1: (y + 1) / 2 for labels of -1 and 1.")
            if wrong
            else None
        )
    if wants.target == "counts":
        return Outside("0 and more", "Give it counts, none below 0.") if low < -slack else None
    if wants.target == "sign":
        between = -1 + slack < low < 1 - slack
        wrong = between or high > 1 + slack or low < -1 - slack
        return (
            Outside("-1 or 1", "Map the targets to -1 and 1: 2 * y - 1 for labels of 0 and 1.")
            if wrong
            else None
        )
    if wants.target == "classes" and call.integer_target:
        # Negative class numbers are what ignore_index (-100) looks like; the loss itself refuses all others.
        wrong = call.function != "ctc_loss" and bool(call.classes) and high > (call.classes or 0) - 1 + slack
        return (
            Outside(f"0 to {(call.classes or 0) - 1}", "Number classes from 0, with an output for each.")
            if wrong
            else None
        )
    if call.integer_target:
        return None
    return _distribution(call, low, high, slack, sums)


def _distribution(call: LossCall, low: float, high: float, slack: float, sums: float) -> Outside | None:
    if call.log_target:
        return (
            Outside("logarithms, 0 at most", "Give it log-probabilities, or drop log_target.")
            if high > slack
            else None
        )
    if low < -slack:
        return Outside(
            "probabilities, 0 at least", "Give it probabilities: softmax(…), without the logarithm."
        )
    least, most = call.target_rowsum_min, call.target_rowsum_max
    if least is None or most is None or math.isnan(least):
        return None
    if most > 1 + sums:
        ones = high <= 1 + slack and most > 2 - sums
        fix = (
            "Several classes of one example want binary_cross_entropy_with_logits; a distribution wants to be divided "
            "by its sum."
            if ones
            else "Divide the soft targets by their sum over the classes."
        )
        return Outside("rows that sum to 1", fix, sums=(least, most))
    if least < 1 - sums:
        fix = "Divide the soft targets by their sum over the classes."
        return Outside("rows that sum to 1", fix, certain=False, sums=(least, most))
    return None
