"""The rule `lr-too-high`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.activity import dead_shares
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import DATA, START, STEP_SIZE, WIRING
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import RISEN, Progress, in_groups, last_fifth, progress
from surefoot.rules.range_test import find_lr
from surefoot.rules.scale import large_inputs, large_targets

# A loss that ran away: so many rises in a row (of losses in any order once in 720), to so many times its start. The
# thousand is a choice, far from what a bad batch does.
CLIMB, FAR = 5, 1000.0
FEW = 3  # where the next one overflowed, which no bad batch does

STANDARD_ERRORS = 3.0  # of the trend: by chance once in 700
NOTHING = 0.05  # share of the way from a guess to zero: the same as `Progress.stuck` takes for none
HALF = 0.5

# First steps of half the weights (five times the option `ratio`) that the loss answered by rising above the noise of
# single batches: sixteen examples stay within a third (`progress`).
JOLT, EARLY, UP = 5.0, 20, 1.3

# Share of the way that was made and lost again: at most 0.06 in sound trainings, 0.5 and more at rates that were made
# thirty times as high and lost any.
LOST = 0.3

# Steps of a fifth of the weights, and losses at twice the start: once is a bad batch, three times are no accident.
TWICE, AGAIN = 2.0, 3
THERE = 0.9  # of the way: at thirty times its rate a training that is thrown back and gets there lost nothing

SEVERAL, SAME = (
    10,
    0.01,
)  # looks at the outputs, and the share of their first deviation that is none: as `constant-output`

# Share of dead units at most of a layer that was alive at first: a choice, as is the half that died.
ALIVE = 0.3


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
    runs away to NaN, ends above its start, is thrown above a constant guess and never gets below it, loses
    again what it had learned, or is thrown back above its start again and again; or large steps after which
    most units of a layer, alive at first, never fire again; or first steps of half the weights' size that the
    loss does not get over.

    ## Why it matters
    Each step jumps over the valley it should go down into; the first jumps can kill units for good.

    ## Evidence shown
    The highest rate of the run, the largest and the usual size of an update over the size of the weights, the
    loss at the start, its worst and its last, and what a constant guess would score.

    ## What to try
    Divide the rate by ten; `surefoot find-lr train.py` shows where the loss turns. With Adam start from 1e-3, with SGD
    and momentum from 1e-2 or 0.1, and warm up.

    ## When to ignore it
    Losses that mean no progress (policy gradients, players against each other, moving targets) are not
    judged. A loss that climbs without a fall to a thousand times its start is told after six steps already.
    An update of 10 % of the weights (option `ratio`) that comes up more than once is asked for,
    except where the loss has run away. Usual trainings move by 0.01 % to 5 % a step; the first steps of Adam
    on wide layers by 10 %; on 28 healthy small trainings the largest was 3.4 %.
    A loss that turned NaN without a climb needs an update as large as the weights (option `huge`, 1).
    A loss that stays at a guess and never was above it by a third (three losses in a row) is that of a model that can
    do no better, unless its outputs have become the same for all inputs.

    ## Source
    Update-to-weight ratios of about 1e-3: A. Karpathy, CS231n notes, "Ratio of weights:updates";
    TheDeepChecker (2022) takes 1e-4 to 1e-1.
    """
    seen, moved = progress(history), movement(history)
    # Players against each other have losses that mean no progress, but one that is no number means the same for all.
    if intent.adversarial(history) and not seen.nonfinite:
        return
    peak = _peak(seen, moved)
    how = _how(history, seen, peak, (ratio, huge)) or _killed(history, seen, peak, TWICE * ratio)
    if how is None:
        return
    rate = intent.highest_rate(history)
    # Of two scales that could each be the cause neither can be named; the rate is what they have in common.
    both = large_inputs(history) is not None and large_targets(history) is not None
    yield Draft(
        severity="error" if seen.nonfinite or _ran_away(seen) or seen.learned < NOTHING else "warning",
        title=f"The learning rate{f' {rate:g}' if rate is not None else ''} is too high: {how}.",
        fix=f"Divide the learning rate by ten ({find_lr(history)} suggests one), or warm up to it.",
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


def _peak(seen: Progress, moved: Movement) -> float:
    """The largest update over weights that came up twice; where nothing finite came after, once is enough."""
    once = seen.nonfinite > 0 and len(moved.ratios) > 0
    return float(np.max(moved.ratios)) if once else moved.peak_ratio


@dataclass(frozen=True, slots=True)
class _Case:
    """What is judged.

    Args:
        seen: The loss's course.
        peak: The largest update over the weights; NaN where none was measured.
        ratio: The option.
        huge: The option.
        collapsed: Outputs that differed between examples at the start no longer do.
    """

    seen: Progress
    peak: float
    ratio: float
    huge: float
    collapsed: bool

    @property
    def large(self) -> bool:
        return self.peak >= self.ratio

    @property
    def perhaps(self) -> bool:
        """The steps were large, as far as is known."""
        return self.large or math.isnan(self.peak)

    @property
    def settled(self) -> bool:
        """There are losses enough, and they say something of progress."""
        return self.seen.judged and self.seen.enough


def _gone(case: _Case) -> bool:
    return case.seen.nonfinite > 0 and (
        case.seen.diverged or _overflowed(case.seen) or case.peak >= case.huge
    )


def _overflowed(seen: Progress) -> bool:
    """A few losses, each above the one before and the last a thousand times the first, and then none that is finite."""
    losses = seen.losses
    climbs = len(losses) >= FEW and bool(losses[0] > 0) and bool(np.all(np.diff(losses[-FEW:]) > 0))
    return seen.judged and climbs and bool(losses[-1] > FAR * losses[0])


def _risen(case: _Case) -> bool:
    seen = case.seen
    return case.settled and case.perhaps and seen.late > RISEN * seen.start and seen.trend > STANDARD_ERRORS


def _no_better(case: _Case) -> bool:
    at_guess = case.settled and case.large and case.seen.learned < NOTHING
    return at_guess and (case.collapsed or _overshot(case.seen))


def _guess(seen: Progress) -> float:
    """What the loss is that has learned nothing: of a constant guess, or of the very first batch where that is higher.

    Not of the first few, which a rate too high has thrown up already.
    """
    first = float(seen.losses[0])
    return first if seen.chance is None else max(first, seen.chance)


def _overshot(seen: Progress) -> bool:
    """Whether the loss was above what it began with, in its first steps, in a tenth of the run, or at its end.

    A loss that stays at a guess and never was above has not
    been thrown there: its model can't do better.
    """
    return max(_early(seen), seen.worst, seen.late) > UP * _guess(seen)


def _lost(case: _Case) -> bool:
    """It was on its way, and a good part of that way is lost again."""
    seen = case.seen
    if not (case.settled and case.large and seen.reference > 0):
        return False
    return 1 - seen.best / seen.reference - seen.learned > LOST


def _not_got_over(case: _Case) -> bool:
    seen = case.seen
    jolted = case.settled and case.peak >= JOLT * case.ratio and seen.learned < HALF
    return jolted and _early(seen) > UP * _guess(seen)


def _keeps_throwing(case: _Case) -> bool:
    thrown = case.settled and case.peak >= TWICE * case.ratio and _thrown_back(case.seen) >= AGAIN
    return thrown and case.seen.learned < THERE


# In this order: the first that holds is said.
REASONS: tuple[tuple[Callable[[_Case], bool], Callable[[_Case], str]], ...] = (
    (_gone, lambda case: f"the loss ran away and is non-finite from step {case.seen.first_nonfinite} on"),
    (
        lambda case: case.perhaps and _ran_away(case.seen),
        lambda case: (
            f"the loss ran away from {case.seen.losses[0]:.3g} to {case.seen.losses[-1]:.3g} "
            f"in {len(case.seen.losses)} steps"
        ),
    ),
    (_risen, lambda case: f"the loss rose from {case.seen.start:.3g} to {case.seen.late:.3g}"),
    (
        _no_better,
        lambda case: f"steps move weights by up to {case.peak:.0%} and the loss ends no better than a guess",
    ),
    (
        _lost,
        lambda case: (
            f"steps move weights by up to {case.peak:.0%}, and the loss went from {case.seen.best:.3g} "
            f"back to {case.seen.late:.3g}"
        ),
    ),
    (
        _not_got_over,
        lambda case: (
            f"the first steps moved the weights by up to {case.peak:.0%}, and the loss has not got over it"
        ),
    ),
    (
        _keeps_throwing,
        lambda case: (
            f"steps move the weights by up to {case.peak:.0%} and keep throwing the loss back above its start"
        ),
    ),
)


def _how(history: History, seen: Progress, peak: float, limits: tuple[float, float]) -> str | None:
    case = _Case(seen, peak, *limits, _collapsed(history))
    return next((sentence(case) for holds, sentence in REASONS if holds(case)), None)


def _ran_away(seen: Progress) -> bool:
    """Six losses or more, the last five each above the one before, and a thousand times the first."""
    losses = seen.losses
    return (
        seen.judged
        and len(losses) > CLIMB
        and bool(losses[0] > 0)
        and bool(np.all(np.diff(losses[-CLIMB - 1 :]) > 0))
        and bool(losses[-1] > FAR * losses[0])
    )


def _killed(history: History, seen: Progress, peak: float, ratio: float) -> str | None:
    """Large steps after which most units of a layer, alive at first, never fire again."""
    if not seen.judged or not seen.enough or not peak >= ratio:
        return None
    dead = max((a for a in dead_shares(history) if a.first < ALIVE), key=lambda a: a.late, default=None)
    if dead is None or dead.late < HALF:
        return None
    return f"steps moved weights by up to {peak:.0%} and {dead.late:.0%} of the units of {dead.name} died"


def _collapsed(history: History) -> bool:
    """Whether outputs that told examples apart at the start have become the same."""
    spread = history.metric("output/batch_std").finite.values
    return len(spread) >= SEVERAL and bool(last_fifth(spread) < SAME * float(np.median(spread[:FEW])))


def _early(seen: Progress) -> float:
    """The highest that the loss stood at in the first steps."""
    return float(np.max(_usual_of_few(seen.losses[:EARLY])))


def _thrown_back(seen: Progress) -> int:
    """Separate excursions to twice what it began with, after the first tenth; of losses of enough examples each."""
    losses = in_groups(seen.losses, seen.group)
    above = _usual_of_few(losses[len(losses) // 10 :]) > TWICE * _guess(seen)
    return int(np.sum(above[1:] & ~above[:-1])) if len(above) > 1 else 0


def _usual_of_few(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Medians of each few in a row: weights that were thrown stay away for a while, a bad batch is gone at the next."""
    return np.median(sliding_window_view(losses, FEW), axis=1) if len(losses) >= FEW else losses


def _confidence(peak: float, seen: Progress) -> float:
    if seen.nonfinite:
        return 0.9
    return 0.7 if math.isnan(peak) else min(0.95, 0.7 + 0.1 * peak)
