"""Which member trains next, and which is stopped as hopeless: all of a grid, or successive halving."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from surefoot.search.results import Result
from surefoot.search.settings import Member

KEEP = 3  # one of so many goes on at each rung, as Li et al. have it
_RUNGS = 2  # of them, at 1/9 and 1/3: before that a high rate looks worse than it ends


@dataclass(frozen=True, slots=True)
class Report:
    """What a training has come to on its way.

    Args:
        step: Where it is.
        validation: Its last validation loss.
        training: Its training loss, a mean.
    """

    step: int
    validation: float | None
    training: float | None


class Order(Protocol):
    """Decides for the engine, which keeps the results."""

    @property
    def count(self) -> int:
        """Members that are known of."""

    def members(self) -> list[Member]:
        """Those that are known of."""

    def take(self, results: Mapping[Member, Result]) -> Member | None:
        """The next member to train; None: none now."""

    def rungs(self, member: Member, results: Mapping[Member, Result]) -> tuple[int, ...]:
        """Steps at which it is to report."""

    def stops(self, member: Member, report: Report, results: Mapping[Member, Result]) -> bool:
        """Whether it is to be stopped."""

    def ended(self, member: Member, result: Result) -> None:
        """It has come to its end."""


class Everything:
    """Every member, one after the other.

    Args:
        members: In order.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._waiting = list(members)
        self.count = len(members)
        self._all = list(members)

    def members(self) -> list[Member]:
        """All."""
        return self._all

    def take(self, results: Mapping[Member, Result]) -> Member | None:
        """The next member to train."""
        return self._waiting.pop(0) if self._waiting else None

    def rungs(self, member: Member, results: Mapping[Member, Result]) -> tuple[int, ...]:
        """None."""
        return ()

    def stops(self, member: Member, report: Report, results: Mapping[Member, Result]) -> bool:
        """Never."""
        return False

    def ended(self, member: Member, result: Result) -> None:
        """Nothing depends on it."""


class SuccessiveHalving:
    """Asynchronous successive halving over the first seed; only what survives it trains from the other seeds.

    The first trainings run to their end and say how long one is. Each later one reports at 1/9 and at 1/3 of that, and
    goes on where its loss is among the best third of all that came as far.

    Args:
        members: The first seed of every setting first.

    Source: Li et al. 2020, "A system for massively parallel hyperparameter tuning", algorithm 2, in its form that
        stops instead of promoting.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._waiting = list(members)
        self.count = len(members)
        self._all = list(members)
        self._reached: dict[tuple[Member, int], Report] = {}

    def members(self) -> list[Member]:
        """All."""
        return self._all

    def take(self, results: Mapping[Member, Result]) -> Member | None:
        """The next member of a setting that isn't stopped."""
        for place, member in enumerate(self._waiting):
            first = results.get(Member(member.setting, 0))
            if member.seed == 0 or (first is not None and first.status == "finished"):
                return self._waiting.pop(place)
        if all(Member(member.setting, 0) in results for member in self._waiting):
            self.count -= len(self._waiting)  # of settings that were stopped, or failed
            self._waiting.clear()
        return None

    def rungs(self, member: Member, results: Mapping[Member, Result]) -> tuple[int, ...]:
        """Where it is judged; nowhere before the length of a training is known."""
        lengths = [result.steps for result in results.values() if result.status == "finished"]
        if member.seed or not lengths:
            return ()
        return rungs_of(max(lengths))

    def stops(self, member: Member, report: Report, results: Mapping[Member, Result]) -> bool:
        """Whether its loss is not among the best third at this rung."""
        self._reached[member, report.step] = report
        others = [
            found
            for other, result in results.items()
            if other.seed == 0 and other != member and (found := report_at(result, report.step)) is not None
        ]
        others += [
            r for (other, step), r in self._reached.items() if step == report.step and other not in results
        ]
        others = [other for other in others if other is not report]
        return not among_the_best(report, others)

    def ended(self, member: Member, result: Result) -> None:
        """Its loss at each rung is in its curve."""


def rungs_of(length: int) -> tuple[int, ...]:
    """Steps of the rungs of a training of some length.

    Example:
        >>> rungs_of(270), rungs_of(5)
        ((30, 90), (1,))
    """
    steps = {length // KEEP**power for power in range(1, _RUNGS + 1)}
    return tuple(sorted(step for step in steps if step > 0))


def report_at(result: Result, step: int) -> Report | None:
    """What a training that has ended had come to at a step; None where it never got there."""
    if result.steps < step or not result.trained:
        return None
    return Report(step, _until(result.validation_curve, step), _until(result.training_curve, step))


def _until(curve: Sequence[tuple[int, float]], step: int) -> float | None:
    return next((loss for at, loss in reversed(curve) if at <= step), None)


def among_the_best(report: Report, others: Sequence[Report]) -> bool:
    """Whether a loss is among the best third, with fewer than three to compare always.

    Example:
        >>> others = [Report(9, None, 1.0), Report(9, None, 2.0)]
        >>> among_the_best(Report(9, None, 0.5), others), among_the_best(Report(9, None, 1.5), others)
        (True, False)
    """
    everyone = [report, *others]
    validated = all(each.validation is not None for each in everyone)
    losses = [_loss(each, validated) for each in everyone]
    if len(losses) < KEEP:
        return math.isfinite(losses[0]) or len(losses) == 1
    better = sum(loss < losses[0] for loss in losses[1:])
    return math.isfinite(losses[0]) and better < max(1, len(losses) // KEEP)


def _loss(report: Report, validated: bool) -> float:
    found = report.validation if validated else report.training
    return found if found is not None and math.isfinite(found) else math.inf
