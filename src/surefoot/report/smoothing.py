"""A noisy curve made readable."""

from __future__ import annotations

import numpy as np

from surefoot.records import Series


def smooth(series: Series, width: int) -> Series:
    """Centred moving mean of the finite values over `width` of them; shorter at both ends.

    Example:
        >>> smooth(Series.of([1.0, 2.0, 6.0, float("nan"), 4.0]), 3).values
        array([1.5, 3. , 4. , 5. ])
    """
    finite = series.finite
    total = np.concatenate([[0.0], np.cumsum(finite.values)])
    at = np.arange(len(finite))
    low = np.maximum(at - width // 2, 0)
    high = np.minimum(at + width // 2 + 1, len(finite))
    return Series(finite.steps, (total[high] - total[low]) / (high - low))
