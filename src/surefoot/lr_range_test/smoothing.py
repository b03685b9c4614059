"""The exponential moving average by which a sweep is watched, and when it is to end."""

from __future__ import annotations

import math

from surefoot.lr_range_test.records import DIVERGED

WATCHED = 0.9  # of some ten steps: a longer memory ends a sweep decades after the loss has exploded
FASTAI = 0.98  # what fastai and Lightning smooth by


class Debiased:
    """Exponential moving average without the pull of its start at zero.

    Args:
        beta: Weight of what came before, in [0, 1).

    Example:
        >>> average = Debiased(0.9)
        >>> average(2.0), round(average(1.0), 4)
        (2.0, 1.4737)
    """

    def __init__(self, beta: float) -> None:
        self._beta = beta
        self._sum = 0.0
        self._weight = 0.0

    def __call__(self, value: float) -> float:
        """Take one value; returns the average so far."""
        self._sum = self._beta * self._sum + (1 - self._beta) * value
        self._weight = self._beta * self._weight + 1 - self._beta
        return self._sum / self._weight if math.isfinite(self._sum) else self._sum


class Divergence:
    """Whether a sweep has gone far enough: told each loss, it says when.

    The smoothed loss is held to 4 times its best, as everywhere. Losses below zero, and those that have come down to
    nearly nothing, have no such multiple: there three tenths of what it had fallen count as far enough.
    """

    def __init__(self) -> None:
        self._average = Debiased(WATCHED)
        self._first: float | None = None
        self._best = math.inf

    def __call__(self, loss: float) -> str | None:
        """Take one loss; returns why the sweep ends, or None."""
        if not math.isfinite(loss):
            return None  # the caller's to say
        smoothed = self._average(loss)
        self._first = smoothed if self._first is None else self._first
        self._best = min(self._best, smoothed)
        far = 3 * max(abs(self._best), 0.1 * (self._first - self._best))
        return DIVERGED if smoothed - self._best > far else None
