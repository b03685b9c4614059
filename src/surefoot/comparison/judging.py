"""The losses of two runs at the same step, and which of them is better."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from surefoot.comparison.records import Objective, Reading, Word
from surefoot.facts import Cadence, LossCall, ValidationLoss
from surefoot.records import History, Series
from surefoot.report.numbers import number

_LAST = 50  # steps at most over which a training loss is averaged: a tenth of the run, where that is fewer
_ENOUGH = 8  # values from which their scatter can be told
_SCATTERS = 2.0  # standard deviations of a difference that count as no difference: 1 in 20 by chance
_ROUNDING = 1e-6


def objective(histories: Sequence[History]) -> tuple[Objective | None, str | None]:
    """What runs can be judged by: validation loss where all have one, else training loss; at the last common step.

    Args:
        histories: Two or more.

    Returns:
        The objective and None, or None and why there is none.

    Example:
        >>> from surefoot.records import Run
        >>> one = History(Run("", "", "a.py"), metrics={"val_loss": Series.of([2.0, 1.0])})
        >>> two = History(Run("", "", "a.py"), metrics={"val_loss": Series.of([2.0, 0.5])})
        >>> [reading.value for reading in objective([one, two])[0].readings]
        [1.0, 0.5]
    """
    validation = _validation(histories)
    if validation is not None and not (reason := _measured_differently(histories, _validation_measure)):
        return validation, None
    losses = [history.series("loss") for history in histories]
    if not all(len(loss) for loss in losses):
        return None, "one of them recorded no loss"
    if reason := _measured_differently(histories, _training_measure):
        return None, reason
    if any(map(several_losses, histories)):
        return (
            None,
            "optimizers follow losses of their own, and none of them alone says which training is better",
        )
    step = min(int(loss.steps[-1]) for loss in losses)
    readings = [mean_until(loss, step) for loss in losses]
    known = tuple(reading for reading in readings if reading is not None)
    if len(known) < len(readings):
        return None, "their losses have no step in common"
    return Objective("training loss", known, step), None


def judged(one: Reading, other: Reading) -> Word:
    """Whether the other is better; "same" within what the losses scatter by themselves.

    Example:
        >>> judged(Reading(1.0, 9), Reading(0.5, 9)), judged(Reading(1.0, 9, 0.3), Reading(0.9, 9, 0.3))
        ('better', 'same')
        >>> judged(Reading(1.0, 9), Reading(float("nan"), 9))
        'worse'
    """
    finite = math.isfinite(one.value), math.isfinite(other.value)
    if finite == (False, False):
        return "same"
    if not all(finite):
        return "better" if finite[1] else "worse"
    difference = other.value - one.value
    allowed = _SCATTERS * math.hypot(one.noise, other.noise)
    rounding = _ROUNDING * max(abs(one.value), abs(other.value))
    if abs(difference) <= max(allowed, rounding):
        return "same"
    return "better" if difference < 0 else "worse"


def mean_until(series: Series, step: int) -> Reading | None:
    """The loss of a step's neighbourhood: the mean over the last steps until it; None before the first."""
    until = int(np.searchsorted(series.steps, step, side="right"))
    if not until:
        return None
    width = max(1, min(_LAST, int(series.steps[until - 1]) // 10))
    since = int(np.searchsorted(series.steps, series.steps[until - 1] - width, side="right"))
    values = series.values[since:until]
    scatter = _scatter(values) / math.sqrt(len(values))
    return Reading(float(values.mean()), int(series.steps[until - 1]), scatter)


def at_time(history: History, name: str, seconds: float) -> float | None:
    """A loss ("loss" or "val_loss") so many seconds after the first step; None: there was none yet."""
    clock = history.series("time")
    if not len(clock):
        return None
    until = int(np.searchsorted(clock.values - clock.values[0], seconds, side="right"))
    step = int(clock.steps[max(0, until - 1)])
    if name == "loss":
        reading = mean_until(history.series("loss"), step)
        return None if reading is None else reading.value
    last = _last_until(history.metric(name), step)
    return None if last is None else last.value


def lasted(history: History) -> float | None:
    """Seconds from the first step to the last; None for fewer than two."""
    clock = history.series("time").finite
    return float(clock.values[-1] - clock.values[0]) if len(clock) > 1 else None


def pace(history: History) -> float | None:
    """Steps a second between the first step and the last, validation included."""
    seconds, clock = lasted(history), history.series("time").finite
    return float(clock.steps[-1] - clock.steps[0]) / seconds if seconds else None


def _validation(histories: Sequence[History]) -> Objective | None:
    all_losses = [history.metric("val_loss") for history in histories]
    if not all(len(losses) for losses in all_losses):
        return None
    end = min(
        max(int(losses.steps[-1]), _last_step(h)) for h, losses in zip(histories, all_losses, strict=True)
    )
    shared = all_losses[0].steps
    for losses in all_losses[1:]:
        shared = np.intersect1d(shared, losses.steps)
    # Epochs of other lengths meet seldom: then each one's last evaluation counts.
    if len(shared) and shared[-1] >= end / 2:
        end = int(shared[-1])
    readings = [_last_until(losses, end) for losses in all_losses]
    known = tuple(reading for reading in readings if reading is not None)
    return Objective("validation loss", known, end) if len(known) == len(readings) else None


def _last_step(history: History) -> int:
    steps = history.series("loss").steps
    return int(steps[-1]) if len(steps) else 0


def _last_until(series: Series, step: int) -> Reading | None:
    until = int(np.searchsorted(series.steps, step, side="right"))
    if not until:
        return None
    values = series.values[:until]
    scatter = _scatter(values[-2 * _ENOUGH :])
    return Reading(float(values[-1]), int(series.steps[until - 1]), scatter)


def _scatter(values: NDArray[np.float64]) -> float:
    """Standard deviation about a smooth course, robustly, by second differences; 0 for too few values."""
    finite = values[np.isfinite(values)]
    if len(finite) < _ENOUGH:
        return 0.0
    bends = np.abs(np.diff(finite, 2))
    return float(np.median(bends) / (0.6745 * math.sqrt(6)))  # of normal noise: 1, -2, 1


def several_losses(history: History) -> bool:
    """Whether optimizers follow different losses, as a generator and its discriminator do."""
    losses = [history.series("loss", optimizer.index).values for optimizer in history.optimizers]
    recorded = [loss for loss in losses if len(loss)]
    shared = min(map(len, recorded), default=0)
    return any(not np.allclose(loss[:shared], recorded[0][:shared], equal_nan=True) for loss in recorded)


def _measured_differently(histories: Sequence[History], measure: object) -> str | None:
    assert callable(measure)
    measures = [measure(history) for history in histories]
    known = [one for one in measures if one]
    other = next((one for one in known if one != known[0]), None)
    return None if other is None else f"the losses are different ones: {known[0]} and {other}"


def _training_measure(history: History) -> str:
    """What a training loss is, in words; "" where it was not seen."""
    calls = [fact for fact in history.facts(LossCall) if fact.phase == "train"]
    named = sorted({_with_reduction(fact) for fact in calls})
    cadence = history.fact(Cadence)
    passes = cadence.micro_steps if cadence else 1
    share = (cadence.root_over_loss if cadence else None) or 1.0
    scale = passes * share
    several = passes > 1 or not math.isclose(share, 1.0, rel_tol=0.01)
    scaled = (
        f"{number(scale)} times " if named and several and not math.isclose(scale, 1.0, rel_tol=0.01) else ""
    )
    return scaled + " + ".join(named)


def _with_reduction(fact: LossCall) -> str:
    smoothed = f" smoothed by {number(fact.label_smoothing)}" if fact.label_smoothing else ""
    return fact.function + (f" ({fact.reduction})" if fact.reduction else "") + smoothed


def _validation_measure(history: History) -> str:
    fact = history.fact(ValidationLoss)
    if fact is None or not fact.functions:
        return ""
    return " + ".join(fact.functions) + (" summed" if fact.summed and fact.per == "batch" else "")
