"""Several runs that differ in the seed alone, as one: mean, least and greatest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from surefoot.comparison.records import Comparison, Objective
from surefoot.records import Series


@dataclass(frozen=True, slots=True)
class Band:
    """What runs of one group come to.

    Args:
        places: The runs, by their place.
        values: The objective of each.
    """

    places: tuple[int, ...]
    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the runs."""
        return float(np.mean(self.values))


def bands(comparison: Comparison, objective: Objective) -> list[Band]:
    """The objective of each group of runs; groups that are not ranked are left out."""
    values = {place: one.value for place, one in zip(objective.places, objective.readings, strict=True)}
    ranked = [tuple(place for place in group if place in values) for group in comparison.groups]
    return [Band(group, tuple(values[place] for place in group)) for group in ranked if group]


def spread_of(series: Sequence[Series]) -> tuple[Series, Series, Series]:
    """Least, mean and greatest of several series, at the steps that all have.

    Example:
        >>> low, mean, high = spread_of([Series.of([1.0, 2.0]), Series.of([3.0, 6.0, 9.0])])
        >>> low.values, mean.values, high.values
        (array([1., 2.]), array([2., 4.]), array([3., 6.]))
    """
    steps = reduce(np.intersect1d, [one.steps for one in series])
    values = np.stack([one.values[np.searchsorted(one.steps, steps)] for one in series])
    return (
        Series(steps, values.min(axis=0)),
        Series(steps, values.mean(axis=0)),
        Series(steps, values.max(axis=0)),
    )
