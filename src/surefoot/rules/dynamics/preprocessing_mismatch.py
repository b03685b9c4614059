"""The rule `preprocessing-mismatch`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.facts import BatchInput
from surefoot.records import History
from surefoot.rules.base import Draft, rule


@rule("preprocessing-mismatch", severity="warning", needs=(BatchInput,), since="0.1")
def preprocessing_mismatch(
    history: History, *, stretch: float = 1.8, shift: float = 0.8, examples: int = 32
) -> Iterator[Draft]:
    """Training and validation inputs are scaled differently.

    ## What it finds
    Batches of the same shape whose mean or deviation differs clearly between training and validation: one of
    them was normalised and the other not, or by other constants.

    ## Why it matters
    The model is asked about inputs it has never seen; validation is poor however well it learned.

    ## Evidence shown
    Mean, deviation and range of both.

    ## What to try
    Apply the same transformation, fitted on the training data, to both.

    ## When to ignore it
    If validation tests another distribution on purpose. Deviations must differ by a factor of 1.8 (option
    `stretch`) or means by 0.8 deviations (option `shift`), over at least 32 examples: halves of one data set
    agree within a few per cent, pixels scaled to [0, 1] and to mean 0 and deviation 1 differ by 3. Token ids
    are left out, and so are single examples on one side against batches on the other.
    The option `examples` is 32.

    ## Source
    Training/serving skew: Breck et al. 2019, "Data validation for machine learning".
    """
    train, other = history.fact(BatchInput, "train"), history.fact(BatchInput, "validation")
    if train is None or other is None or train.integer or other.integer:
        return
    mine, theirs = list(train.shape), list(other.shape)
    if len(mine) < 2 or mine[1:] != theirs[1:]:
        return
    if min(mine[0], theirs[0]) == 1 < max(mine[0], theirs[0]):
        return  # within one example there is less to differ than within a batch
    if min(mine[0] * (train.observations or 1), theirs[0] * (other.observations or 1)) < examples:
        return
    # Medians over batches: one wild batch is no preprocessing.
    mean, a = _usual(history, "input/mean", train.mean), _usual(history, "input/std", train.std)
    b = other.std
    gap = abs(mean - other.mean)
    if not (a > 0 and b > 0 and math.isfinite(a) and math.isfinite(b)):
        return
    factor = max(a, b) / min(a, b)
    if factor < stretch and gap < shift * max(a, b):
        return
    yield Draft(
        title=f"Training inputs (mean {mean:.3g}, deviation {a:.3g}) and validation inputs "
        f"(mean {other.mean:.3g}, deviation {b:.3g}) are scaled differently.",
        fix="Apply the same transformation, fitted on the training data, to both.",
        evidence={"training": _figures(train), "validation": _figures(other)},
        confidence=0.9,
    )


def _figures(seen: BatchInput) -> dict[str, float]:
    return {"mean": seen.mean, "std": seen.std, "min": seen.min, "max": seen.max}


def _usual(history: History, name: str, otherwise: float) -> float:
    values = history.metric(name).finite.values
    return float(np.median(values)) if len(values) >= 5 else otherwise
