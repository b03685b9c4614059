"""Fewer points to draw, without losing a spike or a NaN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.records import Series

POINTS = 2_000


def decimate(series: Series, points: int = POINTS) -> Series:
    """Keep the smallest and the largest finite value of each bucket, its first non-finite one, and both ends.

    Args:
        series: Any length.
        points: Finite points to keep, about; at least 4. A series no longer than this is returned as it is.

    Returns:
        A part of `series`, in order; at most half as many non-finite points again.

    Example:
        >>> spike = Series.of([0.0] * 5000 + [9.0] + [0.0] * 5000)
        >>> thin = decimate(spike)
        >>> len(thin) <= 2000, float(thin.values.max()), int(thin.steps[-1])
        (True, 9.0, 10001)
    """
    n = len(series)
    if n <= points:
        return series
    width = -(-n // ((points - 2) // 2))
    keep = np.zeros(n, dtype=bool)
    keep[[0, -1]] = True
    finite = np.isfinite(series.values)
    keep[_extremes(np.where(finite, series.values, np.inf), width, lowest=True)] = True
    keep[_extremes(np.where(finite, series.values, -np.inf), width, lowest=False)] = True
    keep &= finite
    keep[[0, -1]] = True
    bad = np.flatnonzero(~finite)
    keep[bad[np.unique(bad // width, return_index=True)[1]]] = True
    return Series(series.steps[keep], series.values[keep])


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


def _extremes(values: NDArray[np.float64], width: int, lowest: bool) -> NDArray[np.int64]:
    """Index of the smallest (or largest) value of each bucket of `width`."""
    short = -len(values) % width
    buckets = np.pad(values, (0, short), mode="edge").reshape(-1, width)
    within = buckets.argmin(axis=1) if lowest else buckets.argmax(axis=1)
    index: NDArray[np.int64] = np.minimum(np.arange(len(buckets)) * width + within, len(values) - 1)
    return index
