"""The scale of inputs and targets, shared by the rules that judge it and by those that it explains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

from surefoot.facts import BatchInput, LossCall, ManualLoss
from surefoot.records import History
from surefoot.rules.losses import REGRESSION, moments, training_losses

# Inputs of order one give pre-activations of order one with the usual initialisation (He et al. 2015).
# Twenty-five lies above pixels of 0 to 16, temperatures and counts that shallow networks still cope with.
LARGE = 25.0

# scikit-learn's diabetes features, of deviation 0.048, are learned from; pixels divided by 255 twice are at most 0.004.
SMALL = 0.02

_F = TypeVar("_F", BatchInput, LossCall | ManualLoss)


@dataclass(frozen=True, slots=True)
class Scale(Generic[_F]):
    """Typical size of the inputs or targets.

    Args:
        size: Largest of the features' deviations and absolute means; for targets, of their own.
        smallest: Smallest deviation of a feature that varies at all.
        fact: Where it was read.
    """

    size: float
    smallest: float
    fact: _F


def large_inputs(history: History) -> Scale[BatchInput] | None:
    """The scale of the training inputs if large; None for tokens and behind a normalisation layer."""
    return found if (found := _inputs(history)) is not None and found.size >= LARGE else None


def small_inputs(history: History) -> Scale[BatchInput] | None:
    """The scale of the training inputs if the largest feature is tiny; None for tokens and behind a normalisation."""
    return found if (found := _inputs(history)) is not None and 0 < found.size <= SMALL else None


def _inputs(history: History) -> Scale[BatchInput] | None:
    fact = history.fact(BatchInput, "train")
    if fact is None or fact.integer or fact.normalized_inside:
        return None
    sizes = (fact.feature_std_max, fact.feature_mean_absmax)
    known = [abs(size) for size in sizes if size is not None and math.isfinite(size)]
    known = known or [abs(size) for size in (fact.mean, fact.std) if not math.isnan(size)]
    return Scale(max(known, default=0.0), fact.feature_std_min or 0.0, fact)


def large_targets(history: History) -> Scale[LossCall | ManualLoss] | None:
    """The scale of the regression targets if it is large, of a loss function or of squares taken by hand."""
    calls: list[LossCall | ManualLoss] = [*training_losses(history, REGRESSION), *history.facts(ManualLoss)]
    for call in calls:
        mean, deviation = moments(call.target)
        size = max(abs(mean), deviation)
        if math.isfinite(size) and size >= LARGE:
            return Scale(size, deviation, call)
    return None
