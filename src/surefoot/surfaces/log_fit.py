"""How local smoothness goes with the gradient norm, both as logarithms."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.errors import SettingError
from surefoot.surfaces.records import Smoothness

_NO_CHANGE = 1e-3  # of a log10: a fifth of a percent


@dataclass(frozen=True)
class LogFit:
    """Least squares of log10 smoothness on log10 gradient norm.

    Args:
        r: Pearson's correlation of the logarithms.
        low: Lower end of its 95 % interval (Fisher's transform); neighbouring steps are not independent, so
            the true interval is wider.
        high: Upper end.
        slope: Of the line.
        intercept: Of the line.
        records: How many positive, finite pairs went in.
    """

    r: float
    low: float
    high: float
    slope: float
    intercept: float
    records: int


def log_fit(record: Smoothness) -> LogFit:
    """Fit of the logarithms, as the study's figure shows it.

    Raises:
        SettingError: Fewer than four positive, finite records.
    """
    keep = record.positive
    n = int(keep.sum())
    if n < 4:
        raise SettingError(
            f"{n} records with a positive smoothness and gradient; a correlation needs at least 4"
        )
    x, y = np.log10(record.grad_norms[keep]), np.log10(record.smoothness[keep])
    if np.ptp(x) < _NO_CHANGE or np.ptp(y) < _NO_CHANGE:
        raise SettingError(
            "smoothness or gradient norm hardly changes; a correlation would be one of rounding"
        )
    r = float(np.corrcoef(x, y)[0, 1])
    slope, intercept = np.polyfit(x, y, 1)
    width = 1.959964 / math.sqrt(n - 3)
    middle = math.atanh(min(max(r, -1 + 1e-12), 1 - 1e-12))
    return LogFit(r, math.tanh(middle - width), math.tanh(middle + width), float(slope), float(intercept), n)
