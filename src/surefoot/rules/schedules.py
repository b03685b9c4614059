"""What schedulers make of a rate by mistake, told by their class and settings and not by the curve alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.facts import Scheduler
from surefoot.records import History
from surefoot.rules.progress import progress

_SAME = 1e-3  # relative: a factor that is the rate itself, not by chance
_STILL_RISING = 0.95  # of the run: a warm-up may pass the rate's own value, and goes on
_FACTORS = 0.5  # rates above are no rates; a factor of one is none
_WATCHED = 4  # numbers that tell a direction


@dataclass(frozen=True, slots=True)
class Squared:
    """A `LambdaLR` whose function returns the rate where a factor is wanted: the rate is squared.

    Args:
        base: The optimizer's rate, which the factor multiplies.
        highest: The highest rate of the run.
        scheduler: Whose function it is.
    """

    base: float
    highest: float
    scheduler: Scheduler


def squared(history: History) -> Squared | None:
    """A rate that its own schedule has multiplied by itself."""
    rates = history.series("lr").finite.values
    for fact in history.facts(Scheduler):
        bases = fact.settings.get("base_lrs") or []
        if fact.class_name != "LambdaLR" or not bases or not len(rates) or not 0 < bases[0] < _FACTORS:
            continue
        base, highest = float(bases[0]), float(np.max(rates))
        rising = int(np.argmax(rates)) >= _STILL_RISING * len(rates)
        if abs(highest / base - base) <= _SAME * base and (not rising or len(set(rates.tolist())) == 1):
            return Squared(base, highest, fact)
    return None


@dataclass(frozen=True, slots=True)
class WrongWay:
    """A `ReduceLROnPlateau` that waits for what it watches to go the way that it should not.

    Args:
        mode: As given.
        first: The first number that it watched.
        last: The last.
        rates: The rate at the start and at the end.
        scheduler: Its fact.
    """

    mode: str
    first: float
    last: float
    rates: tuple[float, float]
    scheduler: Scheduler


def wrong_way(history: History) -> WrongWay | None:
    """A plateau watcher whose mode does not fit what it watches, and that has lowered the rate."""
    rates = history.series("lr").finite.values
    for fact in history.facts(Scheduler):
        watched = fact.watched
        if fact.class_name != "ReduceLROnPlateau" or len(watched) < _WATCHED or len(rates) < 2:
            continue
        mode = str(fact.settings.get("mode", "min"))
        against = watched[-1] < watched[0] if mode == "max" else watched[-1] > watched[0]
        # Never better than at the start, by its own measure, while the training gets on.
        best = max(watched) if mode == "max" else min(watched)
        if against and best == watched[0] and rates[-1] < rates[0] and _gets_on(history, mode):
            return WrongWay(mode, watched[0], watched[-1], (float(rates[0]), float(rates[-1])), fact)
    return None


def _gets_on(history: History, mode: str) -> bool:
    seen = progress(history)
    if not len(seen.losses) or not seen.late < seen.start:
        return False
    if mode == "max":
        return True
    # What rises under "min" may be a validation loss: an accuracy it is where that loss is known to fall.
    validation = history.metric("val_loss").finite.values
    return len(validation) > 1 and bool(validation[-1] < validation[0])
