"""Slow, obvious versions to compare with."""

from __future__ import annotations

import math

from surefoot.records import Series


def same(one: object, other: object) -> bool:
    """Equal, NaN being equal to NaN."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (tuple, list)) and isinstance(other, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def thinned(series: Series, points: int) -> list[tuple[int, float]]:
    """What `buckets.thin` keeps, one point at a time."""
    pairs = list(zip(series.steps.tolist(), series.values.tolist(), strict=True))
    n = len(pairs)
    if n <= points:
        return pairs
    kinds = 2 if all(math.isfinite(value) for _, value in pairs) else 5
    length = math.ceil(n / max(1, (points - 2) // kinds))
    keep = {0, n - 1}
    for start in range(0, n, length):
        least = greatest = nan = up = down = None
        for position in range(start, min(start + length, n)):
            value = pairs[position][1]
            if math.isnan(value):
                nan = position if nan is None else nan
            elif value == math.inf:
                up = position if up is None else up
            elif value == -math.inf:
                down = position if down is None else down
            else:
                if least is None or value < pairs[least][1]:
                    least = position
                if greatest is None or value > pairs[greatest][1]:
                    greatest = position
        keep |= {position for position in (least, greatest, nan, up, down) if position is not None}
    return [pairs[position] for position in sorted(keep)]
