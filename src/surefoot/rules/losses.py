"""What the loss calls of a training say: which loss, what feeds it, what a constant guess would score."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from surefoot.facts import LossCall, ManualLoss, Spread
from surefoot.records import History

CROSS_ENTROPY = ("cross_entropy",)
NLL = ("nll_loss",)
LOGITS = ("binary_cross_entropy_with_logits",)
PROBABILITIES = ("binary_cross_entropy",)
SQUARED = ("mse_loss",)
REGRESSION = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")

# Operations that only move, copy, mask or scale entries: what a value is does not change behind them.
_KEEP_VALUES = (
    "View",
    "UnsafeView",
    "Reshape",
    "ReshapeAlias",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "T",
    "Permute",
    "Flatten",
    "Unflatten",
    "Select",
    "Slice",
    "Index",
    "IndexSelect",
    "Gather",
    "Expand",
    "Clone",
    "AsStrided",
    "Narrow",
    "Split",
    "Unbind",
    "Cat",
    "Stack",
    "Alias",
    "ToCopy",
    "Contiguous",
    "NativeDropout",
    "FusedDropout",
    "Dropout",
    "Clamp",
)


def training_losses(history: History, functions: Iterable[str] | None = None) -> list[LossCall]:
    """Loss calls in training, the most frequent first; only of `functions` if given."""
    wanted = None if functions is None else set(functions)
    calls = [
        f for f in history.facts(LossCall) if f.phase == "train" and (wanted is None or f.function in wanted)
    ]
    return sorted(calls, key=lambda f: -f.count)


def operation(name: str) -> str:
    """Plain name of an autograd node: "SoftmaxBackward0" -> "Softmax".

    Example:
        >>> operation("LogSoftmaxBackward0")
        'LogSoftmax'
    """
    return name.split("Backward", 1)[0].lstrip("_")


def feeding(chain: Sequence[str] | None) -> str:
    """The first operation in front of the loss that changes values; "" if unknown.

    Example:
        >>> feeding(["ViewBackward0", "NativeDropoutBackward0", "SoftmaxBackward0", "AddmmBackward0"])
        'Softmax'
    """
    for name in chain or ():
        plain = operation(name)
        if not _keeps_values(plain):
            return plain
    return ""


def _keeps_values(plain: str) -> bool:
    return any(plain.lower() == known.lower() for known in _KEEP_VALUES)


def span(seen: Spread | None) -> tuple[float, float]:
    """Least and greatest entry of a loss call's input or target; NaN if not inspected."""
    return (seen.min, seen.max) if seen is not None else (math.nan, math.nan)


def moments(seen: Spread | None) -> tuple[float, float]:
    """Mean and standard deviation of a loss call's input or target; NaN if not inspected."""
    return (seen.mean, seen.std) if seen is not None else (math.nan, math.nan)


def within_unit(fact: LossCall) -> bool:
    """Whether all that entered the loss lay in [0, 1]."""
    low, high = span(fact.input)
    return low >= -1e-6 and high <= 1 + 1e-6


def rows_sum_to_one(fact: LossCall, tolerance: float = 5e-3) -> bool | None:
    """Whether the rows of what enters the loss sum to one over the classes; None if not looked at."""
    low, high = fact.rowsum_min, fact.rowsum_max
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return None
    return abs(low - 1) < tolerance and abs(high - 1) < tolerance


def target_moments(history: History, fact: LossCall) -> tuple[float, float]:
    """Mean and standard deviation of all targets of this loss call, over batches as well as within them."""
    mean, deviation = moments(fact.target)
    means, deviations = (
        history.metric("target/mean").finite.values,
        history.metric("target/std").finite.values,
    )
    if len(training_losses(history)) > 1 or len(means) < 2 or len(means) != len(deviations):
        return mean, deviation
    # A stream's batches vary less within than between; the targets as a whole vary by both.
    return float(np.mean(means)), float(np.sqrt(np.mean(deviations**2) + np.var(means)))


def chance(fact: LossCall, target: tuple[float, float] | None = None) -> float | None:
    """What the best constant guess would score on this loss, per example; None if it cannot be said.

    Args:
        fact: The loss call.
        target: Mean and deviation of its targets, by default those within its batches.

    Returns:
        Cross-entropy: ln of the number of classes, an upper bound. Binary: entropy of the mean target.
        Squared
        error: variance of the targets. Absolute error: 0.8 deviations (as a normal distribution has).
    """
    function = fact.function
    mean, deviation = moments(fact.target) if target is None else target
    if function in (*CROSS_ENTROPY, *NLL):
        classes = fact.classes
        if not classes or classes < 2:
            return None
        if classes == 2 and fact.integer_target:
            return _entropy(mean)
        return math.log(classes)
    if function in (*LOGITS, *PROBABILITIES):
        return _entropy(mean)
    if math.isnan(deviation) or deviation <= 0:
        return None
    if function in SQUARED:
        return deviation**2
    if function == "l1_loss":
        return 0.8 * deviation
    if function in REGRESSION:
        return 0.5 * deviation**2 if deviation < 1 else 0.8 * deviation - 0.3
    return None


def chance_by_hand(history: History) -> float | None:
    """What a constant guess would score on the one loss that was written by hand; None if it cannot be said."""
    facts = history.facts(ManualLoss)
    if len(facts) != 1:
        return None
    fact = facts[0]
    if fact.classes is not None and fact.classes > 1:
        return math.log(fact.classes)
    _, deviation = moments(fact.target)
    if fact.per_square is None or not math.isfinite(fact.per_square) or not deviation > 0:
        return None
    return fact.per_square * deviation**2


def per_element(fact: LossCall) -> float:
    """Factor from this loss call's value to its mean over targets: 1 unless it sums."""
    if fact.reduction != "sum":
        return 1.0
    soft = fact.function in CROSS_ENTROPY and not fact.integer_target
    shape = fact.target_shape
    size = math.prod(shape) if shape and not soft else fact.batch_size or 0
    return 1 / size if size > 1 else 1.0


def _entropy(mean: float) -> float | None:
    if math.isnan(mean) or not 0 < mean < 1:
        return None
    return -(mean * math.log(mean) + (1 - mean) * math.log(1 - mean))
