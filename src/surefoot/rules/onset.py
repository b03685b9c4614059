"""When something began: the first step at which gradients or updates left their own level, and which parameter did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surefoot.records import History

_BEFORE = 20  # steps that an onset may come before what it leads to
_LEVEL, _FEW = 100, 10  # values that a level is of, at the most and at the least
# As for losses: single batches reach twice the largest of the values before.
_TIMES = 3.0

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Onset:
    """The first sign of something.

    Args:
        step: Where gradients or updates were first out of their level.
        parameter: That left it furthest when parameters were first seen to; None: none was measured there.
        times: Its value over the median of its level; of the whole gradient where there is no parameter.
    """

    step: int
    parameter: str | None
    times: float


def onset(history: History, step: int) -> Onset | None:
    """The first sign of what shows at a step, within the 20 steps before it and at it.

    Args:
        history: Of the run; its main optimizer is looked at.
        step: Where the loss shows it.

    Returns:
        None where nothing was out of its level, or too little was measured to know a level.
    """
    layer = _first_of_parameters(history, step)
    norms = history.series("grad_norm")
    whole = _first_out(norms.steps, norms.values[:, None], step)
    if whole is None or (layer is not None and layer.step <= whole[0]):
        return layer
    return Onset(
        whole[0], None if layer is None else layer.parameter, whole[2] if layer is None else layer.times
    )


def _first_of_parameters(history: History, step: int) -> Onset | None:
    first: Onset | None = None
    for measured in (history.parameter_layer("grad_norm"), history.parameter_layer("update_norm")):
        rows = measured.optimizers == history.main
        found = _first_out(measured.steps[rows], measured.values[rows], step)
        if found is not None and (first is None or found[0] < first.step):
            first = Onset(found[0], history.parameters[found[1]].name, found[2])
    return first


def _first_out(steps: NDArray[np.int64], values: Vector, step: int) -> tuple[int, int, float] | None:
    """The first step at which a column is out of its level, the column that is furthest, and how far."""
    levels = values[steps < step - _BEFORE][-_LEVEL:]
    near = (steps >= step - _BEFORE) & (steps <= step)
    if len(levels) < _FEW or not near.any():
        return None
    known = np.isfinite(levels).all(axis=0) & (np.median(levels, axis=0) > 0)
    seen = np.where(np.isfinite(values[near]), values[near], np.inf)
    out = known & (seen > _TIMES * np.max(levels, axis=0, initial=0.0))
    if not out.any():
        return None
    row = int(np.argmax(out.any(axis=1)))
    times = np.where(out[row], seen[row], 0.0) / np.where(known, np.median(levels, axis=0), 1.0)
    column = int(np.argmax(times))
    return int(steps[near][row]), column, float(times[column])
