"""What rate a curve suggests, by each method, with its doubt; or that it suggests none, and why."""

from __future__ import annotations

import numpy as np

from surefoot.facts import SuggestedRate
from surefoot.lr_range_test.local_fit import LocalFit, local_fit
from surefoot.lr_range_test.records import Curve, Floats
from surefoot.lr_range_test.smoothing import FASTAI, Debiased
from surefoot.report.numbers import value

FEWEST = 20  # losses: four windows of five
CURVE_METHODS = ("steepest", "valley", "minimum / 10", "edge")
_FIRST = 3  # where the first whole window stands: at the curve's end a line's height is known half as well
_SURE = (
    3.5  # standard errors by which the loss must have fallen: of 400 curves of noise, 6 fell so far by chance
)
_CLOSE = 2.0  # standard errors within which two rates are not told apart


def suggestions(curve: Curve) -> tuple[tuple[SuggestedRate, ...], float | None]:
    """One a method of `CURVE_METHODS`, and the noise of the losses.

    Example:
        >>> rates = np.logspace(-4, 0, 57)
        >>> found, _ = suggestions(Curve(rates, 1.0 + np.log10(rates / 0.1) ** 2))
        >>> [s.method for s in found if s.rate is not None]
        ['steepest', 'valley', 'minimum / 10', 'edge']
    """
    curve = curve.finite
    if len(curve) < FEWEST:
        ended = curve.ended or "the losses are not finite"
        return _none(f"{ended} after {len(curve)} steps; {FEWEST} are needed"), None
    fit = local_fit(curve)
    noise = float(np.median(fit.noise))
    why = _flat(fit, noise)
    if why is not None:
        return _none(why), noise
    return (_steepest(curve, fit), _valley(curve), _minimum(curve, fit), _edge(curve, fit)), noise


def _none(why: str) -> tuple[SuggestedRate, ...]:
    return tuple(SuggestedRate(method=method, said=why) for method in CURVE_METHODS)


def _flat(fit: LocalFit, noise: float) -> str | None:
    start, low = _FIRST, max(fit.lowest, _FIRST)
    fall = float(fit.level[start] - fit.level[low])
    error = float(np.hypot(fit.level_error[start], fit.level_error[low]))
    if fall > _SURE * error and fall > 0:
        return None
    if fall <= 0:
        return "the loss fell at no rate: it only rose"
    return (
        f"the curve is flat: the loss fell by {value(fall)}, which its noise of "
        f"{value(noise)} explains; a sweep of more steps may show more"
    )


def _steepest(curve: Curve, fit: LocalFit) -> SuggestedRate:
    """Rate of the fastest fall of the loss per decade."""
    until = max(fit.lowest, 1)
    at = int(np.argmin(fit.slope[:until]))
    slope, error = float(fit.slope[at]), float(fit.slope_error[at])
    if slope + _SURE * error >= 0:
        said = f"its slope of {value(slope)} a decade is within the noise, ± {value(error)}"
        return SuggestedRate(method="steepest", said=said)
    low, high = _around(fit.slope[:until], at, slope + _CLOSE * error)
    return SuggestedRate(
        method="steepest",
        rate=float(curve.rates[at]),
        low=float(curve.rates[low]),
        high=float(curve.rates[high]),
        said=f"the loss falls fastest there: {value(slope)} ± {value(error)} a decade",
    )


def _valley(curve: Curve) -> SuggestedRate:
    """The middle of the longest fall.

    Source: fastai, `valley` in callback/schedule.py: the longest strictly falling subsequence of the smoothed losses,
    the first tenth and the last five cut off. Its start is counted back from its end by its length, as there, which
    is later than its first member where the subsequence has gaps.
    """
    average = Debiased(FASTAI)
    smoothed = np.array([average(loss) for loss in curve.losses])
    first, end = len(curve) // 10, len(curve) - 5
    losses = smoothed[first:end]
    lengths = np.ones(len(losses), dtype=np.int64)
    for i in range(1, len(losses)):
        above = losses[:i] > losses[i]
        if above.any():
            lengths[i] = 1 + lengths[:i][above].max()
    last = int(lengths.argmax())
    start = last - int(lengths[last])
    if lengths[last] < FEWEST // 4:
        return SuggestedRate(method="valley", said="the smoothed loss has no long fall")
    third = (last - start) / 3
    middle = start + int(third) + int(third / 2)
    low, high = start + int(third), start + int(2 * third)
    rate = [float(curve.rates[first + max(i, 0)]) for i in (middle, low, high)]
    return SuggestedRate(
        method="valley", rate=rate[0], low=rate[1], high=rate[2], said="the middle of the longest fall"
    )


def _minimum(curve: Curve, fit: LocalFit) -> SuggestedRate:
    """A tenth of the rate at which the loss is least."""
    at = fit.lowest
    low, high = _around(fit.level, at, float(fit.level[at] + _CLOSE * fit.level_error[at]))
    end = at >= len(curve) - 2 and curve.complete
    said = f"the loss is least at {value(float(curve.rates[at]))}"
    if end:
        said += ", the end of the range: it may fall further beyond"
    tenths = [float(curve.rates[i]) / 10 for i in (at, low, high)]
    return SuggestedRate(method="minimum / 10", rate=tenths[0], low=tenths[1], high=tenths[2], said=said)


def _edge(curve: Curve, fit: LocalFit) -> SuggestedRate:
    """A third of the first rate at which the loss is above its minimum for sure."""
    least = fit.lowest
    crossings = [
        _first_above(fit.level, least, sigmas * float(fit.noise[least])) for sigmas in (2.0, 3.0, 4.0)
    ]
    if crossings[1] is None:
        if curve.complete:
            said = f"the loss did not rise up to {value(float(curve.rates[-1]))}: sweep further"
            return SuggestedRate(method="edge", said=said)
        crossings[1] = len(curve) - 1
    found = [crossings[1] if at is None else at for at in crossings]
    low, rate, high = (float(curve.rates[at]) / 3 for at in found)
    said = f"from {value(3 * rate)} on the loss is more than 3 deviations above its least"
    return SuggestedRate(method="edge", rate=rate, low=low, high=high, said=said)


def _first_above(level: Floats, least: int, height: float) -> int | None:
    above = np.flatnonzero(level[least + 1 :] > level[least] + height)
    return least + 1 + int(above[0]) if len(above) else None


def _around(values: Floats, at: int, most: float) -> tuple[int, int]:
    """Ends of the stretch around `at` in which no value is above `most`."""
    low = high = at
    while low > 0 and values[low - 1] <= most:
        low -= 1
    while high < len(values) - 1 and values[high + 1] <= most:
        high += 1
    return low, high
