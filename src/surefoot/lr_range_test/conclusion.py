"""From curve, suggestions and trials to the whole of a range test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from surefoot.facts import RangeTest as RangeTestFact
from surefoot.facts import RateTrial, SuggestedRate
from surefoot.lr_range_test.ranges import Spacing
from surefoot.lr_range_test.recommendation import by_trials, without_trials
from surefoot.lr_range_test.records import Curve, RangeTest


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a range test was made; each field is that of `surefoot.facts.RangeTest`."""

    optimizer: str
    present: float | None
    first: float
    last: float
    spacing: Spacing = "exponential"
    after: int = 0
    command: str = ""


def concluded(
    curve: Curve,
    suggestions: Sequence[SuggestedRate],
    trials: Sequence[RateTrial],
    noise: float | None,
    conditions: Conditions,
) -> RangeTest:
    """The whole, with its recommendation."""
    if trials:
        recommended, said = by_trials(trials, float(curve.losses[0]) if len(curve) else None)
    else:
        recommended, said = without_trials(suggestions, conditions.first, conditions.last)
    found = RangeTestFact(
        optimizer=conditions.optimizer,
        present=conditions.present,
        first=conditions.first,
        last=conditions.last,
        spacing=conditions.spacing,
        after=conditions.after,
        command=conditions.command,
        ended=curve.ended,
        noise=noise,
        suggestions=tuple(suggestions),
        trials=tuple(trials),
        recommended=recommended,
        said=said,
    )
    return RangeTest(curve, found)
