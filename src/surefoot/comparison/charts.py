"""The curves of all runs in one chart, by step and by time; runs that differ in the seed alone as a band."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from surefoot.comparison.bands import spread_of
from surefoot.comparison.records import Comparison
from surefoot.comparison.rows import last_said
from surefoot.records import History, Series
from surefoot.report.charts import SMOOTH_FROM, Chart, Curve, chart_of, curve, noisy
from surefoot.report.smoothing import smooth

_KINDS = (
    ("loss", "Training loss", ""),
    ("val_loss", "Validation loss", ""),
    ("grad_norm", "Gradient norm", "L2, before clipping"),
    ("lr", "Learning rate", "first parameter group"),
)
_NOISY = ("loss", "grad_norm")
_FEW = 3  # runs whose raw curves can be told apart behind their means
_COLORS = 6


def step_charts(comparison: Comparison) -> list[Chart]:
    """Loss, validation loss, gradient norm and, where it differs, learning rate over steps."""
    kinds = _KINDS if _rates_differ(comparison) else _KINDS[:-1]
    built = [_chart(comparison, *kind) for kind in kinds]
    return [chart for chart in built if chart["series"]]


def time_charts(comparison: Comparison) -> list[Chart]:
    """Losses over seconds from the first step; each run's own, since seeds do not share their times."""
    built = []
    for name, title, _ in _KINDS[:2]:
        curves = [
            _timed(_line(side.label, series, color, name), side.history)
            for color, group in enumerate(comparison.groups)
            for side in (comparison.sides[place] for place in group)
            if len(series := series_of(side.history, name)) and len(side.history.series("time"))
        ]
        if curves:
            chart = chart_of(f"{name}-time", title, "over time, from the first step", "", curves)
            built.append({**_scaled(chart, comparison, name), "unit": "s"})
    return built


def _rates_differ(comparison: Comparison) -> bool:
    rates = [side.history.series("lr").finite for side in comparison.sides]
    ends = min(len(rate) for rate in rates)
    return any(not np.array_equal(rate.values[:ends], rates[0].values[:ends]) for rate in rates)


def series_of(history: History, name: str) -> Series:
    """A step series of the main optimizer, or the validation loss."""
    return history.metric(name) if name == "val_loss" else history.series(name)


def _chart(comparison: Comparison, name: str, title: str, note: str) -> Chart:
    curves: list[Curve] = []
    for color, group in enumerate(comparison.groups):
        members = [comparison.sides[place] for place in group]
        recorded = [(s.label, one) for s in members if len(one := series_of(s.history, name))]
        if len(recorded) > 1:
            curves += _band(recorded, color, name)
        elif recorded:
            ((label, series),) = recorded
            raw = name in _NOISY and len(comparison.groups) <= _FEW
            curves += (
                noisy(title.lower(), f", {label}", series, color)
                if raw
                else [_line(label, series, color, name)]
            )
    return _scaled(chart_of(name, title, note, "", curves), comparison, name)


def _band(recorded: Sequence[tuple[str, Series]], color: int, name: str) -> list[Curve]:
    label = f"{recorded[0][0]} and {len(recorded) - 1} more"
    low, mean, high = spread_of([_smoothed(series, name) for _, series in recorded])
    if not len(mean):
        return [_line(one, series, color, name) for one, series in recorded]
    return [
        curve(f"{label}: least", low, color, "low"),
        curve(f"{label}: greatest", high, color, "high"),
        curve(f"{label}: mean", mean, color, "points" if name == "val_loss" else "line"),
    ]


def _line(label: str, series: Series, color: int, name: str) -> Curve:
    style = "points" if name == "val_loss" else "line"
    return curve(label, _smoothed(series, name), color, "dash" if color >= _COLORS else style)


def _smoothed(series: Series, name: str) -> Series:
    long = name in _NOISY and len(series) >= SMOOTH_FROM and len(series.finite)
    return smooth(series, max(5, len(series) // 50)) if long else series


def _timed(made: Curve, history: History) -> Curve:
    clock = history.series("time")

    def seconds(steps: Sequence[int]) -> list[float]:
        found = np.interp(steps, clock.steps, clock.values - clock.values[0])
        return [float(f"{second:.6g}") for second in found]

    steps = made["steps"]
    times = seconds(steps)
    bad = [[seconds([step])[0], value] for step, value in made["nonfinite"]]
    return {**made, "steps": times, "nonfinite": bad}


def _scaled(chart: Chart, comparison: Comparison, name: str) -> Chart:
    """On a log scale where a loss spans more than a linear one shows; with what it says in figures."""
    finite = [series_of(side.history, name).finite.values for side in comparison.sides]
    values = np.concatenate(finite) if finite else np.empty(0)
    wide = len(values) and values.min() > 0 and values.max() > 20 * np.median(values)
    said = [f"{side.label} {last_said(series_of(side.history, name))}" for side in comparison.sides]
    return {**chart, "log": bool(wide), "summary": f"last: {', '.join(said)}"}
