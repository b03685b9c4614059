"""The answer in one sentence: did it help?"""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.comparison.bands import Band, bands
from surefoot.comparison.judging import judged
from surefoot.comparison.records import Comparison, Objective, Pair, Parted, Parting, Word
from surefoot.records import Finding
from surefoot.report.numbers import number

_LEADS: dict[Word, str] = {
    "better": "better",
    "worse": "worse",
    "same": "no better and no worse",
    "unknown": "not to be told by the loss",
}


def sentence(comparison: Comparison) -> str:
    """What a comparison comes to."""
    if len(comparison.groups) == 1 and len(comparison.sides) > 2:
        return _one_setting(comparison)
    if len(comparison.sides) > 2:
        return _ranking(comparison)
    pair = comparison.pairs[0]
    if pair.relation == "one run":
        return "both are one and the same run: nothing differs"
    if pair.relation == "repeat" and not (pair.reason and pair.objective):  # one failed
        return f"the same training twice: {same_until(pair)}"
    lead = "the same but for the seed" if pair.relation == "seed" else _LEADS[pair.word]
    return f"{lead}: {_losses(pair)}; {_findings(pair)}"


def same_until(pair: Pair) -> str:
    """How long two runs were the same, in words."""
    found = pair.parting
    if found is None:
        return "no step of both was recorded, so that nothing tells"
    if found.first is None:
        exactly = "to the last digit" if found.rounded is None else "to rounding"
        return f"the same {exactly} until the end (step {number(found.last)})"
    if found.grown:
        return (
            f"the same to rounding until step {number(found.first.step - 1)}, where differences that began at step "
            f"{number(found.rounded or 0)} have grown beyond it ({parted(found.first)})"
        )
    where = _after(found.first)
    return f"they part {where}: {parted(found.first)}"


def parted(found: Parted) -> str:
    """A first difference in words: what, with its two values.

    Example:
        >>> parted(Parted("gradient norm", 3, 2, (1.0, 1.25), 0.2, parameter="fc1.weight", others=2))
        'gradient norm of fc1.weight 1 against 1.25, 2 other parameters too'
    """
    of = f" of {found.parameter}" if found.parameter else ""
    digits = min(12, max(3, 2 - math.floor(math.log10(found.relative)))) if 0 < found.relative < 1 else 3
    one, other = (number(value, digits) for value in found.values)
    plural = "s" if found.others > 1 else ""
    others = f", {number(found.others)} other parameter{plural} too" if found.others else ""
    return f"{found.quantity}{of} {one} against {other}{others}"


def parameter_said(found: Parting) -> str | None:
    """The first parameter seen to differ, with its step; None: none was, or it is the first difference itself."""
    one = found.parameter
    if (
        one is None
        or one == found.first
        or (found.first and one.step == found.first.step and found.first.parameter)
    ):
        return None
    return f"first parameter seen to differ, {_after(one)}: {parted(one)}"


def _after(found: Parted) -> str:
    """A step, with the bracket where the step before was not compared."""
    if not found.step:
        return "before the first step"
    if found.agreed == found.step - 1 or not found.agreed:
        return f"at step {number(found.step)}"
    return f"between steps {number(found.agreed)} and {number(found.step)}"


def losses_said(objective: Objective) -> str:
    """Two losses at a step: the other run's against the first's.

    Example:
        >>> from surefoot.comparison.records import Reading
        >>> losses_said(Objective("validation loss", (Reading(2.3, 200), Reading(0.44, 200)), 200))
        'validation loss 0.44 against 2.3 after 200 steps'
    """
    one, other = objective.readings
    shown = [number(reading.value) for reading in (other, one)]
    if shown[0] == shown[1] and one.value != other.value:
        shown = [number(reading.value, 6) for reading in (other, one)]
    if one.step == other.step:
        return f"{objective.name} {shown[0]} against {shown[1]} after {_steps(one.step)}"
    steps = [number(reading.step) for reading in (other, one)]
    return f"{objective.name} {shown[0]} (step {steps[0]}) against {shown[1]} (step {steps[1]})"


def _losses(pair: Pair) -> str:
    failed = [pair.reason] if pair.reason and pair.objective is not None else []
    said = [losses_said(pair.objective)] if pair.objective is not None else [str(pair.reason)]
    return ", ".join([*failed, *said])


def _findings(pair: Pair) -> str:
    gone, new, kept = _codes(pair.gone), _codes(pair.new), _codes(pair.kept)
    if not (gone or new or kept):
        return "no findings in either"
    said = [f"{_list(gone)} {'is' if len(gone) == 1 else 'are'} gone"] if gone else []
    said.append(f"new: {_list(new)}" if new else "nothing new")
    if kept:
        said.append(f"{_list(kept)} {'stays' if len(kept) == 1 else 'stay'}")
    return ", ".join(said)


def _codes(findings: Sequence[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def _list(codes: Sequence[str]) -> str:
    if len(codes) > 3:
        return f"{', '.join(codes[:3])} and {len(codes) - 3} more"
    return " and ".join(filter(None, [", ".join(codes[:-1]), codes[-1]]))


def _one_setting(comparison: Comparison) -> str:
    count = len(comparison.sides)
    if comparison.objective is None:
        return f"{count} runs that differ in the seed alone, and no loss that all have"
    (band,) = bands(comparison, comparison.objective)
    step = _steps(comparison.objective.step)
    return (
        f"{count} runs that differ in the seed alone: {comparison.objective.name} {_band(band)} after {step}"
    )


def _ranking(comparison: Comparison) -> str:
    objective = comparison.objective
    ranked = [] if objective is None else sorted(bands(comparison, objective), key=_rank)
    if objective is None or len(ranked) < 2:
        return _counted(comparison)
    first, best = next(band for band in ranked if 0 in band.places), ranked[0]
    name, step = objective.name, _steps(objective.step)
    if best is first:
        lead, against = f"none is better than {_label(comparison, first)}", ranked[1]
        beside = f"{name} {_band(first)} after {step}, {_label(comparison, against)} has {_band(against)}"
    else:
        lead, against = f"best of {len(objective.places)}: {_label(comparison, best)}", first
        beside = f"{name} {_band(best)} against {_band(first)} of {_label(comparison, first)} after {step}"
    also = (
        ""
        if ranked[1] in (first, against) or best is first
        else _also(comparison, objective, best, ranked[1])
    )
    return f"{lead}: {beside}{_doubt(objective, best, against)}{also}{_left_out(comparison, objective)}"


def _counted(comparison: Comparison) -> str:
    words = [pair.word for pair in comparison.pairs]
    better, worse = words.count("better"), words.count("worse")
    label, count = comparison.sides[0].label, len(words)
    return (
        f"no loss to rank {count + 1} runs by: {better} better than {label}, {worse} worse, by what was found"
    )


def _left_out(comparison: Comparison, objective: Objective) -> str:
    count = len(comparison.sides) - len(objective.places)
    if not count:
        return ""
    return f"; {count} {'is' if count == 1 else 'are'} not ranked, for want of that loss or of steps"


def _also(comparison: Comparison, objective: Objective, best: Band, band: Band) -> str:
    """The runner-up."""
    beside = "has" if _apart(objective, best, band) else "is as good for all that is known, with"
    return f"; {_label(comparison, band)} {beside} {_band(band)}"


def _doubt(objective: Objective, best: Band, other: Band) -> str:
    """Whether the difference is more than noise, and where several seeds tell, more than they differ."""
    seeds = len(best.values) > 1 or len(other.values) > 1
    if not _apart(objective, best, other):
        return f", which is within what the {'seeds differ' if seeds else 'losses scatter'}"
    chance = math.comb(len(best.values) + len(other.values), len(best.values))
    return f", whichever the seed (1 in {chance} by chance)" if seeds else ""


def _apart(objective: Objective, best: Band, other: Band) -> bool:
    if len(best.values) > 1 or len(other.values) > 1:
        return max(best.values) < min(other.values)
    one, two = (objective.readings[objective.places.index(band.places[0])] for band in (other, best))
    return judged(one, two) != "same"


def _label(comparison: Comparison, band: Band) -> str:
    return comparison.sides[band.places[0]].label


def _band(band: Band) -> str:
    if len(band.values) == 1:
        return number(band.mean)
    return f"{number(min(band.values))} to {number(max(band.values))} ({len(band.values)} seeds)"


def _rank(band: Band) -> float:
    return band.mean if math.isfinite(band.mean) else math.inf


def _steps(count: int) -> str:
    return f"{number(count)} step{'s' if count != 1 else ''}"
