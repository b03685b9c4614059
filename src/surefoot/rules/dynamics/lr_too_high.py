"""The rule `lr-too-high`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.activity import dead_shares
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.movement import movement
from surefoot.rules.progress import Progress, in_groups, progress
from surefoot.rules.scale import large_inputs, large_targets


@rule(
    "lr-too-high",
    severity="error",
    needs=("series:loss",),
    since="0.1",
    follows=(*WIRING, *DATA, *STEP_SIZE, *START),
)
def lr_too_high(history: History, *, ratio: float = 0.1, huge: float = 1.0) -> Iterator[Draft]:
    """The learning rate is too high.

    ## What it finds
    Steps that change the weights by a large part of their own size, together with a loss that shows it: it
    runs away to NaN, ends above its start, never gets below what a constant guess scores, or is thrown back
    above its start again and again; or large steps after which most units of a layer, alive at first, never
    fire again; or first steps of half the weights' size that the loss does not get over.

    ## Why it matters
    Each step jumps over the valley it should go down into; the first jumps can kill units for good.

    ## Evidence shown
    The highest rate of the run, the largest and the usual size of an update over the size of the weights, the
    loss at the start, its worst and its last, and what a constant guess would score.

    ## What to try
    Divide the rate by ten; a range test shows where the loss turns. With Adam start from 1e-3, with SGD
    and momentum from 1e-2 or 0.1, and warm up.

    ## When to ignore it
    Losses that mean no progress (policy gradients, players against each other, moving targets) are not
    judged. A loss that climbs without a fall to a thousand times its start is told after six steps already.
    An update of 10 % of the weights (option `ratio`) that comes up more than once is asked for,
    except where the loss has run away. Usual trainings move by 0.01 % to 5 % a step; the first steps of Adam
    on wide layers by 10 %; on 28 healthy small trainings the largest was 3.4 %.
    A loss that turned NaN without a climb needs an update as large as the weights (option `huge`, 1).

    ## Source
    Update-to-weight ratios of about 1e-3: A. Karpathy, CS231n notes, "Ratio of weights:updates";
    TheDeepChecker (2022) takes 1e-4 to 1e-1.
    """
    seen, moved = progress(history), movement(history)
    if intent.adversarial(history):
        return
    peak = moved.peak_ratio
    how = _how(seen, peak, ratio, huge) or _killed(history, seen, peak, 2 * ratio)
    if how is None:
        return
    rate = intent.highest_rate(history)
    # Of two scales that could each be the cause neither can be named; the rate is what they have in common.
    both = large_inputs(history) is not None and large_targets(history) is not None
    yield Draft(
        severity="error" if seen.nonfinite or _ran_away(seen) or seen.learned < 0.05 else "warning",
        title=f"The learning rate{f' {rate:g}' if rate is not None else ''} is too high: {how}.",
        fix="Divide the learning rate by ten (a range test suggests one), or warm up to it.",
        step=seen.first_nonfinite,
        evidence={
            "highest rate": rate,
            "largest update over weights": peak,
            "usual update over weights": moved.usual_ratio,
            "loss at the start": seen.start,
            "worst loss": float(np.max(seen.losses)) if len(seen.losses) else None,
            "loss at the end": seen.late,
            "a constant guess scores": seen.chance,
        },
        where=intent.place_of_rate(history),
        confidence=_confidence(peak, seen),
        because=(*WIRING, *STEP_SIZE) if both else (),
    )


def _how(seen: Progress, peak: float, ratio: float, huge: float) -> str | None:
    large = not math.isnan(peak) and peak >= ratio
    if seen.nonfinite and (seen.diverged or (not math.isnan(peak) and peak >= huge)):
        return f"the loss ran away and is non-finite from step {seen.first_nonfinite} on"
    unknown = math.isnan(peak)
    if _ran_away(seen) and (large or unknown):
        return f"the loss ran away from {seen.losses[0]:.3g} to {seen.losses[-1]:.3g} in {len(seen.losses)} steps"
    if not seen.judged or not seen.enough:
        return None
    if seen.late > 3 * seen.start and seen.trend > 3 and (large or unknown):
        return f"the loss rose from {seen.start:.3g} to {seen.late:.3g}"
    if not large:
        return None
    if seen.learned < 0.05:
        return f"steps move weights by up to {peak:.0%} and the loss ends no better than a guess"
    if peak >= 5 * ratio and seen.learned < 0.5 and float(np.max(seen.losses[:20])) > 1.3 * seen.losses[0]:
        return f"the first steps moved the weights by up to {peak:.0%}, and the loss has not got over it"
    if _thrown_back(seen) >= 3 and peak >= 2 * ratio:
        return f"steps move the weights by up to {peak:.0%} and keep throwing the loss back above its start"
    return None


def _ran_away(seen: Progress) -> bool:
    """Six losses or more, the last five each above the one before, and a thousand times the first."""
    losses = seen.losses
    return (
        seen.judged
        and len(losses) >= 6
        and bool(losses[0] > 0)
        and bool(np.all(np.diff(losses[-6:]) > 0))
        and bool(losses[-1] > 1000 * losses[0])
    )


def _killed(history: History, seen: Progress, peak: float, ratio: float) -> str | None:
    """Large steps after which most units of a layer, alive at first, never fire again."""
    if not seen.judged or not seen.enough or not peak >= ratio:
        return None
    dead = max((a for a in dead_shares(history) if a.first < 0.3), key=lambda a: a.late, default=None)
    if dead is None or dead.late < 0.5:
        return None
    return f"steps moved weights by up to {peak:.0%} and {dead.late:.0%} of the units of {dead.name} died"


def _thrown_back(seen: Progress) -> int:
    """Separate excursions to twice the start, after the first tenth; of losses of enough examples each."""
    losses = in_groups(seen.losses, seen.group)
    above = losses[len(losses) // 10 :] > 2 * seen.start
    return int(np.sum(above[1:] & ~above[:-1])) if len(above) > 1 else 0


def _confidence(peak: float, seen: Progress) -> float:
    if seen.nonfinite:
        return 0.9
    return 0.7 if math.isnan(peak) else min(0.95, 0.7 + 0.1 * peak)
