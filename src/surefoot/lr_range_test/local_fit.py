"""Straight lines fitted to a curve piece by piece over the rate's logarithm: its level, slope and noise everywhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from surefoot.lr_range_test.records import Curve, Floats

WIDTH = 0.5  # decades: narrower windows hold too few of the usual 14 points a decade to tell slope from noise
_FEWEST = 5  # points of a window: a line takes two, the rest is left for the noise


@dataclass(frozen=True, slots=True)
class LocalFit:
    """At each rate of a curve, the line through what lies within half a decade.

    Args:
        level: The line's height there.
        level_error: Its standard error.
        slope: Loss per decade.
        slope_error: Its standard error.
        noise: Deviation of the losses from their lines, within a decade.
    """

    level: Floats
    level_error: Floats
    slope: Floats
    slope_error: Floats
    noise: Floats

    @property
    def lowest(self) -> int:
        """Where the level is least."""
        return int(np.argmin(self.level))


def local_fit(curve: Curve, width: float = WIDTH) -> LocalFit:
    """Fit a finite curve of at least five points.

    Example:
        >>> rates = np.logspace(-3, 0, 31)
        >>> fit = local_fit(Curve(rates, 2.0 - np.log10(rates)))
        >>> float(fit.slope[15].round(6)), float(fit.noise[15].round(6))
        (-1.0, 0.0)
    """
    x, y = np.log10(curve.rates), curve.losses
    windows = [_window(x, i, width) for i in range(len(x))]
    lines = np.array([_line(x[near] - x[i], y[near]) for i, near in enumerate(windows)])
    level, slope, variance, level_unit, slope_unit = lines.T
    # A window's own few residuals may be small by chance; noise changes little within a decade.
    deviation = np.array([np.median(variance[_window(x, i, 2 * width)]) for i in range(len(x))]) ** 0.5
    return LocalFit(level, deviation * level_unit, slope, deviation * slope_unit, deviation)


def _window(x: Floats, i: int, width: float) -> slice:
    first = int(np.searchsorted(x, x[i] - width / 2 - 1e-9))
    last = int(np.searchsorted(x, x[i] + width / 2 + 1e-9))
    while last - first < min(_FEWEST, len(x)):
        if first > 0 and (last == len(x) or i - first <= last - 1 - i):
            first -= 1
        else:
            last += 1
    return slice(first, last)


def _line(x: Floats, y: Floats) -> tuple[float, float, float, float, float]:
    """Height at 0, slope, the residual's variance; then the errors of height and slope for a deviation of 1."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    spread = float(np.square(x - mean_x).sum())
    slope = float(((x - mean_x) * (y - mean_y)).sum()) / spread
    level = mean_y - slope * mean_x
    variance = float(np.square(y - (level + slope * x)).sum()) / max(len(x) - 2, 1)
    return level, slope, variance, (1 / len(x) + mean_x**2 / spread) ** 0.5, spread**-0.5
