"""95 % intervals of what was measured."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean of independent measurements with its 95 % interval (mean, low, high).

    Source: Student 1908, "The probable error of a mean".

    Example:
        >>> mean, low, high = mean_interval([1.0, 2.0, 3.0])
        >>> round(mean, 2), round(low, 2), round(high, 2)
        (2.0, -0.48, 4.48)
    """
    from scipy.stats import t

    data = np.asarray(values, dtype=np.float64)
    mean = float(data.mean())
    if len(data) < 2:
        return mean, math.nan, math.nan
    half = float(t.ppf(0.975, len(data) - 1) * data.std(ddof=1) / math.sqrt(len(data)))
    return mean, mean - half, mean + half


def share_interval(count: int, of: int) -> tuple[float, float]:
    """95 % interval of a share that was counted.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".

    Example:
        >>> low, high = share_interval(95, 100)
        >>> round(low, 3), round(high, 3)
        (0.888, 0.978)
    """
    z = 1.959964
    share = count / of
    middle = (share + z**2 / (2 * of)) / (1 + z**2 / of)
    half = z / (1 + z**2 / of) * math.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return middle - half, middle + half
