"""What a short training's losses come to."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def tail(losses: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean of the last quarter, and its standard error; None where that is no finite number.

    Batches are taken as independent, and what the loss still falls within the quarter counts as noise.

    Example:
        >>> tail([9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0, 3.0])
        (2.0, 1.0)
    """
    last = np.asarray(losses[-max(2, len(losses) // 4) :], dtype=np.float64)
    if not len(last) or not np.isfinite(last).all():
        return None, None
    error = float(last.std(ddof=1) / math.sqrt(len(last))) if len(last) > 1 else 0.0
    return float(last.mean()), error


def mean_of(losses: Sequence[float]) -> float | None:
    """Mean over all of a trial: how soon it came down. None where that is no finite number."""
    found = float(np.mean(losses)) if len(losses) else math.nan
    return found if math.isfinite(found) else None
