"""`--fail-if-worse`: a comparison as a yes or no for continuous integration."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from surefoot.comparison.records import Comparison, Pair
from surefoot.comparison.sentence import losses_said
from surefoot.errors import SettingError
from surefoot.report.numbers import number, share


@dataclass(frozen=True, slots=True)
class Gate:
    """What a limit says of a comparison.

    Args:
        failed: A run is worse than the first by more than the limit.
        said: Which, by how much, on which loss.
    """

    failed: bool
    said: str


def limit_of(text: str) -> float:
    """A limit as a share.

    Raises:
        SettingError: It is none.

    Example:
        >>> limit_of("5%"), limit_of("0.05")
        (0.05, 0.05)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(%?)\s*", text)
    if found is None:
        raise SettingError(
            f"--fail-if-worse {text} is no limit: give a share of the first run's loss, as 5% or 0.05."
        )
    return float(found[1]) / (100 if found[2] else 1)


def gate(comparison: Comparison, limit: float) -> Gate:
    """Whether any run is worse than the first by more than `limit` of the first's loss.

    Raises:
        SettingError: A run's loss cannot be held against the first's.
    """
    judged = [_gate(comparison, pair, limit) for pair in comparison.pairs]
    failed = [one.said for one in judged if one.failed]
    if failed or len(judged) == 1:
        return Gate(bool(failed), "; ".join(failed) or judged[0].said)
    return Gate(False, f"no run is worse than the first by more than {share(limit)}")


def _gate(comparison: Comparison, pair: Pair, limit: float) -> Gate:
    label = comparison.sides[pair.after].label
    failed = comparison.sides[pair.after].verdict.extent == "failed"
    if failed and comparison.sides[pair.before].verdict.extent != "failed":
        return Gate(True, f"{label} failed")
    if pair.objective is None:
        raise SettingError(f"{label} cannot be held to a limit: {pair.reason}.")
    before, after = (reading.value for reading in pair.objective.readings)
    said = losses_said(pair.objective)
    if not (math.isfinite(before) and math.isfinite(after)):
        worse = math.isfinite(before) and not math.isfinite(after)
        return Gate(worse, f"{label}: {said}")
    excess = after - before
    relation = (
        f"{number(100 * abs(excess / before))} % {'worse' if excess > 0 else 'better'}"
        if before
        else "beside 0"
    )
    return Gate(excess > limit * abs(before), f"{label} is {relation} (limit {share(limit)}): {said}")
