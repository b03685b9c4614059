"""Student's t, for intervals of a mean from few seeds."""

from __future__ import annotations

import math


def probability_within(t: float, freedom: int) -> float:
    """P(|T| <= t) with `freedom` >= 1 degrees of freedom, in closed form.

    Source: Abramowitz, Stegun 1964, 26.7.3 and 26.7.4.

    Example:
        >>> round(probability_within(4.303, 2), 4), round(probability_within(1.96, 1000), 4)
        (0.95, 0.9497)
    """
    angle = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(angle)
    odd = freedom % 2
    term, total = (cosine if odd else 1.0), 0.0
    for k in range(1 if odd else 0, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (k + 1) / (k + 2)
    if odd:
        return 2 / math.pi * (angle + math.sin(angle) * total)
    return math.sin(angle) * total


def quantile(level: float, freedom: int) -> float:
    """The t within which a share of all lies.

    Example:
        >>> round(quantile(0.95, 2), 3), round(quantile(0.95, 9), 3), round(quantile(0.95, 1), 2)
        (4.303, 2.262, 12.71)
    """
    low, high = 0.0, 1.0
    while probability_within(high, freedom) < level:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        if probability_within(middle, freedom) < level:
            low = middle
        else:
            high = middle
    return high
