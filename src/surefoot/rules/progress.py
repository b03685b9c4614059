"""How far the loss of a run has come, computed once and shared by the rules of one diagnosis.

All comparisons are with the run's own history: its start, its best stretch, its noise, and what a constant
guess would score on its targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.facts import LossCall
from surefoot.records import History
from surefoot.rules import intent
from surefoot.rules.losses import chance, chance_by_hand, per_element, target_moments, training_losses

# Steps before anything is said of a loss that does not move: a few batches are noise, and while the run
# goes on there is time to be sure.
ENOUGH, ENOUGH_RUNNING = 40, 100
_EXAMPLES = 16  # that a loss at the start is of, together with its neighbours

# A loss that left its start upwards: the start, a median of few losses, is known to about a third of itself.
RISEN = 3.0
_FIRST, STANDARD_ERRORS = 3, 3.0  # losses that the start is the median of
BEYOND_NOISE = 5.0  # deviations: of normal noise once in three million

# Share of the loss by which terms beside it may raise it and a guess still means something: one expert's balance adds a
# thousandth, a variational bound a tenth; a second loss adds a quarter and more.
ADDED = 0.2

# Losses of either sign are no distance to anything; a few that slip below zero are round-off or a penalty's.
_OTHER_SIGN, _MOST = 0.05, 0.5

# Targets that move by more than they spread, or spread twice or half as wide, make losses of two times incomparable.
_THIRD = 10  # observations in a third of the run, for a median
_WIDER, _NARROWER = 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Progress:
    """The course of the training loss of the main optimizer.

    Args:
        losses: Shape (n,), finite values only, in order.
        steps: Shape (n,), their steps.
        start: Median of the first three groups of losses.
        group: Losses that together hold enough examples to say something: 1 unless batches are tiny.
        late: Median of the last fifth, of at least five losses.
        best: Lowest median of ten consecutive stretches.
        worst: Highest median of ten consecutive stretches after the first.
        noise: Standard deviation from one loss to the next, robust, over the last half.
        trend: Mean of the last third minus mean of the first, in standard errors; negative: it falls.
        nonfinite: How many losses were NaN or infinite.
        first_nonfinite: Step of the first of them, or None.
        chance: What a constant guess would score, on the same scale; None if unknown.
        judged: The loss says something about progress: no adversaries, one sign, targets that stay.
        enough: There are losses enough to speak of progress.
    """

    losses: NDArray[np.float64]
    steps: NDArray[np.int64]
    start: float
    group: int
    late: float
    best: float
    worst: float
    noise: float
    trend: float
    nonfinite: int
    first_nonfinite: int | None
    chance: float | None
    judged: bool
    enough: bool

    @property
    def reference(self) -> float:
        """Where knowing nothing begins: at a constant guess, or at the start if that is lower beyond its noise."""
        if self.chance is None:
            return self.start
        lower = self.start + STANDARD_ERRORS * self.noise / math.sqrt(_FIRST) < self.chance
        return self.start if lower else self.chance

    @property
    def learned(self) -> float:
        """Share of the way from knowing nothing to a loss of zero; below 0 if worse than a constant guess."""
        return 1 - self.late / self.reference if self.reference > 0 else math.nan

    def stuck(self, share: float = 0.05) -> bool:
        """Whether the loss says so and less than `share` of the way was made."""
        return self.judged and self.enough and self.learned < share

    @property
    def diverged(self) -> bool:
        """Whether the loss rose clearly above its start before it ended or turned non-finite."""
        if not self.judged or len(self.losses) < 2:
            return False
        tail = float(np.max(self.losses[-5:]))
        return tail > RISEN * self.start and tail > self.start + BEYOND_NOISE * self.noise


def progress(history: History) -> Progress:
    """The progress of the main optimizer's loss; measured once a history."""
    return history.derived(_measure)


def stretches(values: NDArray[np.float64], parts: int = 10) -> NDArray[np.float64]:
    """Medians of `parts` consecutive stretches of equal length."""
    if len(values) < 2 * parts:
        return values
    length = len(values) // parts
    tail = values[len(values) - parts * length :]
    return np.median(tail.reshape(parts, length), axis=1)


def last_fifth(values: NDArray[np.float64]) -> float:
    """Median of the last fifth, of at least five values."""
    return float(np.median(values[-max(5, len(values) // 5) :]))


def in_groups(values: NDArray[np.float64], group: int) -> NDArray[np.float64]:
    """Means of consecutive groups; what is left over at the end is dropped unless it is all there is.

    Example:
        >>> in_groups(np.array([1.0, 3.0, 5.0, 7.0, 100.0]), 2).tolist()
        [2.0, 6.0]
    """
    whole = len(values) // group
    return values[: whole * group].reshape(whole, group).mean(axis=1) if whole and group > 1 else values


def _group(history: History, losses: int) -> int:
    """The loss of one example is its own ease, not the training's state: one of a few is taken for a start.

    Sixteen examples: the squared error of normal noise has a deviation of 1.4 times its mean, so sixteen together
    stay within about a third of it. At most a thirtieth of the run makes a group.
    """
    calls = training_losses(history)
    examples = max((int(c.batch_size or 0) for c in calls), default=0)
    return max(1, min(math.ceil(_EXAMPLES / examples), losses // 30)) if examples else 1


def _measure(history: History) -> Progress:
    series = history.series("loss")
    finite = series.finite
    values = finite.values
    bad = series.steps[~np.isfinite(series.values)]
    n = len(values)
    if n == 0:
        nothing = (math.nan,) * 5
        first = int(bad[0]) if len(bad) else None
        return Progress(values, finite.steps, math.nan, 1, *nothing, len(bad), first, None, False, False)
    parts = stretches(values)
    group = _group(history, n)
    return Progress(
        losses=values,
        steps=finite.steps,
        start=float(np.median(in_groups(values[: 3 * group], group))),
        group=group,
        late=last_fifth(values),
        best=float(np.min(parts)),
        worst=float(np.max(parts[1:])) if len(parts) > 1 else float(parts[0]),
        noise=_noise(values[n // 2 :]),
        trend=_trend(values),
        nonfinite=len(bad),
        first_nonfinite=int(bad[0]) if len(bad) else None,
        chance=_chance(history),
        judged=_judged(history, values),
        enough=n >= (ENOUGH if intent.ended(history) else ENOUGH_RUNNING),
    )


def _noise(values: NDArray[np.float64]) -> float:
    if len(values) < 3:
        return 0.0
    return float(1.4826 * np.median(np.abs(np.diff(values))) / math.sqrt(2))


def _trend(values: NDArray[np.float64]) -> float:
    third = len(values) // 3
    if third < 3:
        return 0.0
    first, last = values[:third], values[-third:]
    error = math.sqrt((float(np.var(first)) + float(np.var(last))) / third)
    return float(np.mean(last) - np.mean(first)) / error if error > 0 else 0.0


def _chance(history: History) -> float | None:
    """Only where backward starts from one loss call and nothing else was added to it."""
    calls = [c for c in training_losses(history) if c.count > 0]
    if not calls:
        guess = chance_by_hand(history)
        return None if guess is None else guess * _micro_steps(history)
    if len({c.function for c in calls}) > 1:
        return None
    cadence = intent.main_cadence(history)
    several = len(calls) > 1 or (cadence is not None and calls[0].count > 1.5 * max(1, cadence.backwards))
    if several and (cadence is None or cadence.root_over_loss is None):
        return None
    if cadence is not None and cadence.root_over_loss is None and _added(history, calls[0]):
        return None
    micro = _micro_steps(history)
    if micro > 1 and cadence is not None and cadence.backward_places > 1:
        return None  # the sum of losses of several kinds
    guess = chance(calls[0], target_moments(history, calls[0]))
    return None if guess is None else guess * root_factor(history) * micro / per_element(calls[0])


def _added(history: History, call: LossCall) -> bool:
    """Whether the first loss that was stepped on is another than this call's: of other terms, or of other units."""
    stepped, called = history.series("loss").values[:1], call.first_value
    return bool(len(stepped)) and called is not None and abs(stepped[0] - called) > ADDED * abs(called)


def _micro_steps(history: History) -> float:
    cadence = intent.main_cadence(history)
    return float(cadence.micro_steps or 1) if cadence is not None else 1.0


def root_factor(history: History) -> float:
    """What the script multiplied its loss by before backward; 1 if unknown."""
    cadence = intent.main_cadence(history)
    factor = cadence.root_over_loss if cadence is not None else None
    return float(factor) if factor is not None and math.isfinite(factor) and factor > 0 else 1.0


def per_example(history: History) -> float:
    """Factor from a step's training loss to the unit of a validation loss, the mean over examples; 1 if unknown."""
    calls = training_losses(history)
    cadence = intent.main_cadence(history)
    if cadence is None or cadence.root_over_loss is None or cadence.backward_places > 1 or not calls:
        return 1.0
    examples = (calls[0].batch_size or 1) if calls[0].reduction == "sum" else 1
    return 1 / (root_factor(history) * _micro_steps(history) * examples)


def _judged(history: History, values: NDArray[np.float64]) -> bool:
    # A loss that is now positive, now negative (policy gradients, critics) says nothing of progress.
    low, high = float(np.mean(values < 0)), float(np.mean(values > 0))
    if min(low, high) > _OTHER_SIGN or high < _MOST:
        return False
    return not intent.adversarial(history) and not _targets_move(history)


def _targets_move(history: History) -> bool:
    """Whether the targets drift (bootstrapped values, a teacher): losses then do not compare."""
    means, deviations = (
        history.metric("target/mean").finite.values,
        history.metric("target/std").finite.values,
    )
    third = len(means) // 3
    if third < _THIRD or len(deviations) < 3 * third:
        return False
    calls = training_losses(history)
    if any(c.integer_target for c in calls):
        return False
    spread = float(np.median(deviations[:third])) + float(np.std(means[:third]))
    shift = abs(float(np.median(means[-third:]) - np.median(means[:third])))
    growth = float(np.median(deviations[-third:])) / max(float(np.median(deviations[:third])), 1e-30)
    return shift > spread or not _NARROWER < growth < _WIDER
