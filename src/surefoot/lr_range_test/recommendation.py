"""Which of the suggested rates to use: by short trainings at each where there are some, else by one method's word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from surefoot.facts import RateTrial, SuggestedRate
from surefoot.lr_range_test.wording import HALF, YOURS, listed, suggested_by
from surefoot.report.numbers import value

# Without trials, whose word counts: docs/lr-range-test.md has the table by which they are ordered.
PREFERRED = ("edge", "minimum / 10", "steepest", "valley")
# Trainings that differ in the seed alone came apart by a deviation of 0.2 % to 4 % of the way down, or 2 % to 120 % of
# their loss: eight of those of benchmarks/lr_range_test.py, six seeds each.
_AS_LOW, _TIMES = 0.05, 2.0
_SAME = 10**0.1  # two rates nearer than a tenth of a decade train alike


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rate to be tried, with those who suggest it."""

    rate: float
    methods: tuple[str, ...]


def candidates(
    suggestions: Iterable[SuggestedRate], first: float, last: float, present: float | None
) -> list[Candidate]:
    """The distinct rates within the range, lowest first, and the training's own.

    Example:
        >>> made = [SuggestedRate(method="edge", rate=0.1), SuggestedRate(method="valley", rate=0.11)]
        >>> candidates(made, 1e-6, 10.0, 0.01)
        [Candidate(rate=0.01, methods=('yours',)), Candidate(rate=0.1, methods=('edge', 'valley'))]
    """
    # At the largest stable rate itself the sharpest direction never settles.
    every = [
        (s.rate / 2, HALF) if s.method == "curvature" else (s.rate, s.method) for s in suggestions if s.rate
    ]
    rates = [(rate, method) for rate, method in every if math.isfinite(rate) and first <= rate <= last]
    if present is not None and present > 0:
        rates.append((present, YOURS))
    found: list[Candidate] = []
    for rate, method in sorted(rates):
        if found and rate < found[-1].rate * _SAME:
            found[-1] = Candidate(found[-1].rate, (*found[-1].methods, method))
        else:
            found.append(Candidate(rate, (method,)))
    # The training's own is tried as it is.
    return [Candidate(present, c.methods) if present is not None and YOURS in c.methods else c for c in found]


def worth_trying(suggestions: Iterable[SuggestedRate], chosen: Sequence[Candidate]) -> bool:
    """Whether there is something to choose from; a curve that suggests nothing is not followed by guesses."""
    return len(chosen) > 1 and any(s.rate is not None for s in suggestions if s.method != "curvature")


def without_trials(
    suggestions: Sequence[SuggestedRate], first: float, last: float
) -> tuple[float | None, str]:
    """The rate of the method that is preferred among those that suggest one, and why."""
    known = {s.method: s for s in suggestions}
    for method in PREFERRED:
        rate = known[method].rate if method in known else None
        if rate is not None and math.isfinite(rate) and first <= rate <= last:
            return rate, f"{value(rate)}, by {method}; not tried out"
    why = next((s.said for s in suggestions if s.rate is None), "no method suggests a rate")
    return None, f"no suggestion: {why}"


def by_trials(trials: Sequence[RateTrial], start: float | None = None) -> tuple[float | None, str]:
    """The rate whose trial came lowest, the fastest of those that came as low, and why.

    Args:
        trials: From the same start, equally long.
        start: The loss that they began with; None: unknown.
    """
    lasted = [t for t in trials if t.loss is not None and math.isfinite(t.loss)]
    if not lasted:
        return None, "no suggestion: every rate that was tried failed"
    what = "validation loss" if all(t.validated for t in lasted) else "training loss"
    lowest = min(lasted, key=_loss)
    alike = [t for t in lasted if t is lowest or _alike(t, lowest, start)]
    best = min(alike, key=lambda t: math.inf if t.mean is None else t.mean)
    by = suggested_by(best.methods)
    said = f"{value(best.rate)} ({by}): {what} {value(_loss(best))} after {best.judged_at} steps"
    others = [t for t in alike if t is not best]
    said += f"; {_too_close(others)}" if others else ", the lowest"
    yours = next((t for t in lasted if YOURS in t.methods), None)
    if yours is best:
        said += "; keep yours"
    elif yours is not None and yours not in others:
        said += f"; yours, {value(yours.rate)}, came to {value(_loss(yours))}"
    return best.rate, said


def _too_close(others: Sequence[RateTrial]) -> str:
    rates = [f"{'your ' * (YOURS in t.methods)}{value(t.rate)} ({value(_loss(t))})" for t in others]
    are = "is" if len(others) == 1 else "are"
    return f"{listed(rates)} {are} too close to tell apart, and came down later"


def _loss(trial: RateTrial) -> float:
    return math.inf if trial.loss is None else trial.loss


def _alike(one: RateTrial, lowest: RateTrial, start: float | None) -> bool:
    """Whether two trials came equally low: within their noise, or as near as another seed might have brought them."""
    apart, least = _loss(one) - _loss(lowest), _loss(lowest)
    if one.error is not None and lowest.error is not None and apart < 2 * math.hypot(one.error, lowest.error):
        return True
    return start is not None and apart < min(_AS_LOW * (start - least), (_TIMES - 1) * abs(least))
