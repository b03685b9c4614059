"""The range of a sweep: checked, and its rates. No torch."""

from __future__ import annotations

import math
from typing import Literal

from surefoot.errors import SettingError

Spacing = Literal["exponential", "linear"]


def swept_rates(first: float, last: float, steps: int, spacing: Spacing = "exponential") -> list[float]:
    """Rates of a sweep.

    Example:
        >>> swept_rates(0.001, 1.0, 4)
        [0.001, 0.01, 0.1, 1.0]
    """
    if steps == 1:
        return [first]
    places = [k / (steps - 1) for k in range(steps)]
    if spacing == "linear":
        return [first + place * (last - first) for place in places]
    ends = math.log(first), math.log(last)
    inner = [math.exp(ends[0] + place * (ends[1] - ends[0])) for place in places[1:-1]]
    return [first, *(float(f"{rate:.12g}") for rate in inner), last]


def check_range(first: float, last: float, steps: int, spacing: str, after: int) -> None:
    """Refuse a sweep that can't be.

    Raises:
        SettingError: The first thing wrong with it.
    """
    for name, rate in (("lowest", first), ("highest", last)):
        if not 0 < rate < math.inf:
            raise SettingError(f"the {name} rate of the range is {rate:g}: give one above 0, and finite.")
    if not first < last:
        raise SettingError(f"the range {first:g}:{last:g} goes nowhere: give LOW:HIGH, such as 1e-6:10.")
    if spacing not in ("exponential", "linear"):
        raise SettingError(f"spacing is {spacing!r}: give 'exponential' or 'linear'.")
    for name, count, least in (("steps", steps, 20), ("after", after, 0)):
        if isinstance(count, bool) or not isinstance(count, int) or count < least:
            raise SettingError(f"{name} is {count!r}: give a whole number of at least {least}.")
