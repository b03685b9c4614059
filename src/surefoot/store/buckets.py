"""Fewer points that show the same curve: the extremes of equal buckets, never random ones.

Every point kept is one that was recorded.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import SettingError
from surefoot.records import Series

FEWEST_POINTS = 7  # the two ends, and one bucket with a point of each kind


def thin(series: Series, points: int) -> Series:
    """At most `points` points of a series, by `kept`; the series itself where it has no more."""
    keep = kept(series.values, points)
    return Series(series.steps[keep], series.values[keep])


def kept(values: NDArray[np.float64], points: int) -> NDArray[np.int64]:
    """Positions of the points that stand for a long curve.

    The values are cut into buckets of equal length (the last may be shorter). Of each bucket stay the first
    least and the first greatest finite value, the first NaN, the first infinity and the first minus infinity;
    and of the whole its first and its last value.

    Args:
        values: Shape (n,).
        points: Upper bound, at least 7.

    Returns:
        Shape (at most `points`,), int64, increasing.

    Raises:
        SettingError: `points` is less than 7.

    Example:
        >>> kept(np.array([5.0, 1, 9, 2, 3, 3, 3, 3, 3, 3]), 7)
        array([0, 1, 2, 5, 9])
    """
    if points < FEWEST_POINTS:
        raise SettingError(f"points must be at least {FEWEST_POINTS}, not {points}.")
    n = len(values)
    if n <= points:
        return np.arange(n)
    finite = np.isfinite(values)
    kinds = 2 if finite.all() else 5
    length = -(-n // max(1, (points - 2) // kinds))
    masks = [(values, finite, np.inf), (-values, finite, np.inf)]
    if kinds == 5:
        zeros = np.zeros(n)
        masks += [(zeros, mask, 1.0) for mask in (np.isnan(values), np.isposinf(values), np.isneginf(values))]
    positions = [np.array([0, n - 1])]
    positions += [_first_least(data, mask, outside, length) for data, mask, outside in masks]
    return np.unique(np.concatenate(positions)).astype(np.int64)


def _first_least(
    data: NDArray[np.float64], mask: NDArray[np.bool_], outside: float, length: int
) -> NDArray[np.int64]:
    """Position of the first least entry of each bucket within `mask`; buckets without any are left out."""
    buckets = -(-len(data) // length)
    padded = np.full(buckets * length, outside)
    padded[: len(data)] = np.where(mask, data, outside)
    found = padded.reshape(buckets, length).argmin(axis=1) + np.arange(buckets) * length
    inside: NDArray[np.bool_] = mask[np.minimum(found, len(mask) - 1)] & (found < len(mask))
    chosen: NDArray[np.int64] = found[inside].astype(np.int64)
    return chosen
