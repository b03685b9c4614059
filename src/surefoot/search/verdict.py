"""What to use, and whether it is better than the next by more than the seeds differ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from surefoot.report.numbers import number
from surefoot.search.axes import Axis
from surefoot.search.records import Configuration, Verdict
from surefoot.search.student import quantile

_SURE = 0.95
# Beyond the interval by this many standard errors, a difference is told in 80 of 100 such sweeps (a normal quantile).
_POWER = 0.84
_NORMAL = 1.96
_FEW = 30
_MANY = 1000


def ranked(configurations: Sequence[Configuration]) -> list[Configuration]:
    """Best first: those whose every seed came to a finite loss by their mean, the others after them."""
    return sorted(configurations, key=lambda c: (not c.complete, c.diverged > 0, c.mean))


def verdict(configurations: Sequence[Configuration], seeds: int) -> Verdict:
    """Judge configurations, best first.

    The runner-up is chosen after the fact, as the winner is. Where all settings are equally good, the gap between the
    first two of many is smaller than that of two taken at random, so the interval errs on the side of doubt: of 4,000
    such sweeps 5.0 % crown one of 2 settings with 3 seeds, 1.7 % one of 5, 0.7 % one of 21.
    """
    good = [c for c in configurations if c.complete and not c.diverged]
    if not good:
        return Verdict(f"nothing to recommend: {_nothing(configurations)}.")
    best = good[0]
    lead = f"use {best.said}: {_loss(best)}"
    if len(good) == 1:
        others = "; no other setting trained to a finite loss" if len(configurations) > 1 else ""
        return Verdict(f"{lead}{others}.", best)
    other = good[1]
    differences = [
        other.losses[seed] - best.losses[seed] for seed in sorted(set(best.losses) & set(other.losses))
    ]
    mean = statistics.fmean(differences)
    against = f"the runner-up, {other.said}, is {number(mean)} worse"
    if len(differences) < 2:
        return Verdict(
            f"{lead}; {against}, but one seed cannot tell that from chance: --seeds 3 can.", best, other, mean
        )
    return _paired(lead, against, best, other, differences)


def _paired(
    lead: str, against: str, best: Configuration, other: Configuration, differences: Sequence[float]
) -> Verdict:
    count, mean = len(differences), statistics.fmean(differences)
    deviation = statistics.stdev(differences)
    doubt = quantile(_SURE, count - 1) * deviation / math.sqrt(count)
    if mean > doubt:
        said = f"{lead}; {against} (± {number(doubt)}, paired by seed), more than the seeds differ."
        return Verdict(said, best, other, mean, doubt, True)
    if not mean:
        return Verdict(f"{lead}; {other.said} is as good.", best, other, mean, doubt, False)
    needed = seeds_to_tell(mean, deviation)
    telling = (
        f"about {needed:,} seeds would tell"
        if needed <= _MANY
        else "no number of seeds that is worth it would tell"
    )
    said = f"{lead}; {against}, less than the seeds differ (± {number(doubt)}, paired by seed): {telling}."
    return Verdict(said, best, other, mean, doubt, False, needed)


def seeds_to_tell(difference: float, deviation: float) -> int:
    """Seeds after which a difference of this size is likely told from chance.

    Args:
        difference: Mean of the paired differences, above 0.
        deviation: Between them.

    Example:
        >>> seeds_to_tell(1.0, 1.0), seeds_to_tell(0.1, 1.0)
        (10, 784)
    """
    normal = math.ceil(((_NORMAL + _POWER) * deviation / difference) ** 2)
    if normal > _FEW:
        return normal  # of so many Student's t is normal
    count = 2
    while difference < (quantile(_SURE, count - 1) + _POWER) * deviation / math.sqrt(count):
        count += 1
    return count


def _loss(best: Configuration) -> str:
    count = len(best.losses)
    if count == 1:
        return f"{best.objective} {number(best.mean)}"
    return f"{best.objective} {number(best.mean)}, the mean of {count} seeds"


def _nothing(configurations: Sequence[Configuration]) -> str:
    if any(c.diverged for c in configurations):
        return "each setting diverged, from some seed at least"
    whys = [c.trouble for c in configurations if c.trouble]
    return whys[0].rstrip(".") if whys else "no setting came to its end"


def rivals(configurations: Sequence[Configuration], axes: Sequence[Axis]) -> list[str]:
    """The best setting of each other optimizer, and of each other word of the axes, against the winner.

    Args:
        configurations: Best first.
        axes: What varied.
    """
    good = [c for c in configurations if c.complete and not c.diverged]
    words = [axis for axis in axes if len(axis.values) > 1 and isinstance(axis.values[0], str)]
    said = []
    for axis in words if len(axes) > 1 else ():
        firsts = {
            value: next((c for c in good if c.setting.get(axis.name) == value), None) for value in axis.values
        }
        for value, first in firsts.items():
            if first is None:
                said.append(f"{axis.name} {value}: no setting trained to a finite loss from every seed")
            elif first is not good[0]:
                stopped = any(
                    c.status == "stopped" for c in configurations if c.setting.get(axis.name) == value
                )
                said.append(_rival(f"{axis.name} {value}", first, good[0], stopped))
    return said


def _rival(name: str, rival: Configuration, best: Configuration, stopped: bool) -> str:
    differences = [rival.losses[seed] - best.losses[seed] for seed in best.losses]
    mean = statistics.fmean(differences)
    among = ", of those that were not stopped" if stopped else ""
    at = f"{name} at its best ({rival.said}{among}) is {number(mean)} worse"
    if len(differences) < 2:
        return at
    doubt = (
        quantile(_SURE, len(differences) - 1) * statistics.stdev(differences) / math.sqrt(len(differences))
    )
    how = "more" if mean > doubt else "less"
    return f"{at} (± {number(doubt)}): {how} than the seeds differ"
