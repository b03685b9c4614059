"""The losses of trainings with and without a fix, in one form and at one step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from surefoot.comparison.judging import judged, mean_until
from surefoot.comparison.records import Reading
from surefoot.comparison.records import Word as Judged
from surefoot.experiment.records import Losses
from surefoot.records import History, Series

# Below a tenth of the loss a second seed is asked, too: that costs a run more, and only confirms or withdraws.
SMALL = 0.1


@dataclass(frozen=True, slots=True)
class Form:
    """How losses are read.

    Args:
        measured: By what `Measure` noted, where a fix gives the loss another form.
        turned: With the sign turned, where the script climbs.
    """

    measured: bool = False
    turned: bool = False

    def training(self, history: History) -> Series:
        """Loss of each step."""
        series = history.metric("measured/training") if self.measured else history.series("loss")
        if self.measured and not len(series):
            series = history.series("loss")
        return replace(series, values=-series.values) if self.turned else series

    def validation(self, history: History) -> Series:
        """Loss of each evaluation; empty where its sign is not known."""
        if self.turned:
            return Series.of([])
        return history.metric("measured/validation" if self.measured else "val_loss")


def losses(histories: Sequence[History | None], form: Form) -> list[Losses]:
    """Of all of them until the last step that those that trained to the end have in common."""
    seen = [history for history in histories if history is not None]
    ends = [int(series.steps[-1]) for each in seen if len(series := form.training(each))]
    step = min(ends, default=0)
    validated = bool(seen) and all(_until(form.validation(each), step) is not None for each in seen)
    return [Losses() if each is None else _losses(each, form, step, validated) for each in histories]


def better(one: Losses, other: Losses) -> Judged:
    """Whether the other is better, by validation where both have it."""
    return judged(_reading(one), _reading(other))


def is_small(one: Losses, other: Losses) -> bool:
    """Whether a second seed is to decide."""
    before, after = compared(one), compared(other)
    if not (math.isfinite(before) and math.isfinite(after)):
        return False
    return abs(before - after) < SMALL * max(abs(before), abs(after))


def compared(each: Losses) -> float:
    """The one number that counts; NaN where there is none."""
    value = each.end if each.validation is None else each.validation
    return math.nan if value is None else value


def _reading(each: Losses) -> Reading:
    return Reading(compared(each), 0, each.noise)


def _losses(history: History, form: Form, step: int, validated: bool) -> Losses:
    series = form.training(history)
    if not len(series):
        return Losses()
    end = mean_until(series, step)
    validation = _until(form.validation(history), step) if validated else None
    return Losses(
        float(series.values[0]),
        None if end is None else end.value,
        validation,
        0.0 if end is None or validated else end.noise,
    )


def _until(series: Series, step: int) -> float | None:
    until = int(np.searchsorted(series.steps, step, side="right"))
    return float(series.values[until - 1]) if until else None
