"""A range test as one self-contained HTML file: the curve, its numbers under the pointer, and the tables."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from surefoot.lr_range_test.local_fit import local_fit
from surefoot.lr_range_test.records import Curve, RangeTest
from surefoot.lr_range_test.suggestions import FEWEST
from surefoot.lr_range_test.wording import came_to, interval, suggested_by
from surefoot.report.document import REPORT, document
from surefoot.report.numbers import value

WIDTH, HEIGHT = 960.0, 380.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 70.0, 20.0, 16.0, 46.0


@dataclass(frozen=True, slots=True)
class Mark:
    """Something at a place of the drawing.

    Args:
        x: Pixels.
        y: Pixels.
        said: What the pointer reads there.
    """

    x: float
    y: float
    said: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """The curve in pixels."""

    points: tuple[Mark, ...]
    line: str
    rates: tuple[Mark, ...]
    ticks: tuple[Mark, ...]
    heights: tuple[Mark, ...]


def page(test: RangeTest) -> str:
    """The document; it needs no network and runs no script.

    Example:
        >>> page(RangeTest(Curve(np.array([0.1]), np.array([1.0]))))[:15]
        '<!doctype html>'
    """
    return document(
        "range-test.html",
        {},
        (),
        ((REPORT, "report.css"), ("surefoot.lr_range_test", "range-test.css")),
        "surefoot.lr_range_test",
        test=test,
        found=test.found,
        drawing=_drawing(test),
        size=(WIDTH, HEIGHT),
        frame=(_LEFT, _TOP, WIDTH - _RIGHT, HEIGHT - _BOTTOM),
        interval=interval,
        came_to=came_to,
        suggested_by=suggested_by,
        validated=any(trial.validated for trial in test.trials),
    )


def _drawing(test: RangeTest) -> Drawing | None:
    curve = test.curve.finite
    if len(curve) < FEWEST:
        return None
    level = local_fit(curve).level
    low, high = shown_losses(curve)
    ends = (test.found.first, test.found.last)
    logarithmic = test.found.spacing == "exponential"

    def across(rate: float) -> float:
        place = _share(rate, *ends, logarithmic)
        return round(_LEFT + place * (WIDTH - _LEFT - _RIGHT), 1)

    def up(loss: float) -> float:
        place = min(max((loss - low) / (high - low), 0.0), 1.0)
        return round(HEIGHT - _BOTTOM - place * (HEIGHT - _TOP - _BOTTOM), 1)

    points = tuple(
        Mark(across(rate), up(loss), f"loss {value(loss)} after a step at {value(rate)}")
        for rate, loss in zip(curve.rates.tolist(), curve.losses.tolist(), strict=True)
    )
    line = " ".join(f"{across(r)},{up(y)}" for r, y in zip(curve.rates.tolist(), level.tolist(), strict=True))
    inside = [s for s in test.suggestions if s.rate is not None and ends[0] <= s.rate <= ends[1]]
    rates = tuple(Mark(across(s.rate or 0.0), _TOP, f"{s.method}: {value(s.rate or 0.0)}") for s in inside)
    ticks = tuple(Mark(across(rate), HEIGHT - _BOTTOM, value(rate)) for rate in _ticks(*ends, logarithmic))
    heights = tuple(Mark(_LEFT, up(y), value(y)) for y in np.linspace(low, high, 5).tolist())
    return Drawing(points, line, rates, ticks, heights)


def shown_losses(curve: Curve) -> tuple[float, float]:
    """From the least to a little above where it began: what has diverged would flatten the rest."""
    first = float(np.median(curve.losses[: max(3, len(curve) // 10)]))
    low = float(curve.losses.min())
    room = max(first - low, 1e-12)
    bottom = low - 0.15 * room
    return (max(bottom, 0.0) if low >= 0 else bottom), max(first, low) + 0.5 * room


def _share(rate: float, low: float, high: float, logarithmic: bool) -> float:
    if logarithmic:
        return math.log(rate / low) / math.log(high / low)
    return (rate - low) / (high - low)


def _ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    if not logarithmic:
        return [float(rate) for rate in np.linspace(low, high, 6)]
    decades = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    return [10.0**decade for decade in decades]
