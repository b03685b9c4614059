"""What the steps promise: the share of the loss by which all of them together could lower it, to first order.

A step of size |u| along a gradient of size |g| lowers the loss by at most |g| |u|. Over 200 steps of the 43 of 44 sound
trainings that learned anything (tables, images, sequences, text; perceptrons, convolutions, recurrent nets,
transformers; six optimizers, ten styles of loop) the promises came to 1.6 times the loss and more; of 21 at a hundredth
to a hundred-thousandth of the rate, to 0.19 at the most. Where they come to less than the loss, no luck gets further.
"""

from __future__ import annotations

import math

import numpy as np

from surefoot.records import History
from surefoot.rules.movement import movement
from surefoot.rules.progress import progress


def promised(history: History) -> float:
    """Usual promise of a step times the steps, over the loss; NaN if never measured."""
    seen, moved = progress(history), movement(history)
    if not len(seen.losses) or not len(moved.steps):
        return math.nan
    at = np.clip(np.searchsorted(seen.steps, moved.steps), 0, len(seen.losses) - 1)
    with np.errstate(all="ignore"):
        each = moved.gradients * moved.updates / np.abs(seen.losses[at])
    known = each[np.isfinite(each)]
    return float(np.median(known)) * len(seen.losses) if len(known) else math.nan
