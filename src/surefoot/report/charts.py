"""What the page's curves show: a History as charts, each a JSON value that static/chart.js draws.

A chart: {"id", "title", "note", "summary", "axis", "log", "series": [curve]}; "axis" names what stands upright. A
curve: {"label", "color" (index into the palette), "style" ("line", "faint", "dash", "points", "low", "high"), "steps",
"values", "nonfinite"} where a value that is NaN or infinite is null in "values" and stands in "nonfinite" as
[step, "NaN"]. A curve that shows a series as it was recorded, or its mean, says which: "source" is "loss/0" (of
optimizer 0) or "metric/accuracy", and "mean" is over how many steps, so that a live page can go on with it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.facts import ClipCall
from surefoot.records import History, Layers, Series
from surefoot.report.json import ends, plain, spread
from surefoot.report.layers import per_layer
from surefoot.report.numbers import number
from surefoot.report.places import optimizer_labels
from surefoot.report.smoothing import smooth
from surefoot.store.buckets import thin

Chart = dict[str, Any]
Curve = dict[str, Any]

POINTS = 2_000  # of a curve; least and greatest of equal buckets stay
SMOOTH_FROM = 150  # steps; a shorter curve is readable as it is
_NOISE = 5  # of the palette: grey
PROBES = ("target/", "input/", "output/", "graph/")  # metrics that capture records by itself


def charts(history: History) -> list[Chart]:
    """Loss, gradient norm, learning rate and update ratio; those without data are left out."""
    built = [_loss(history), _grad_norm(history), _learning_rate(history), _update_ratio(history)]
    return [chart for chart in built if chart["series"]]


def metric_charts(history: History, probes: bool) -> list[Chart]:
    """One chart for each metric the user logged, or for each one that capture recorded by itself."""
    names = [name for name in history.metrics if name != "val_loss" and name.startswith(PROBES) == probes]
    built = []
    for position, name in enumerate(sorted(names)):
        series = history.metric(name)
        if len(series):
            style = "points" if len(series) < SMOOTH_FROM else "line"
            group = "probe" if probes else "metric"
            curves = [curve(name, series, 0, style, f"metric/{name}")]
            chart = chart_of(f"{group}-{position}", name, "", _course(series), curves, axis=name)
            chart["log"] = wide([series.finite.values])
            built.append(chart)
    return built


def _loss(history: History) -> Chart:
    curves: list[Curve] = []
    summary: list[str] = []
    for color, optimizer, label in _optimizers(history):
        series = history.series("loss", optimizer)
        if not len(series):
            continue
        summary.append(f"loss{label}: {_ends(series)}")
        curves += noisy("loss", label, series, color, f"loss/{optimizer}")
    validation = history.metric("val_loss")
    if len(validation):
        curves.append(curve("validation loss", validation, 1, "points", "metric/val_loss"))
        summary.append(f"validation loss: {_ends(validation)}")
    chart = chart_of("loss", "Loss", "", "; ".join(summary), curves, axis="loss of a step")
    chart["log"] = wide([series.finite.values for (name, _), series in _of(history, "loss")])
    return chart


def _grad_norm(history: History) -> Chart:
    curves: list[Curve] = []
    summary: list[str] = []
    for color, optimizer, label in _optimizers(history):
        series = history.series("grad_norm", optimizer)
        if not len(series):
            continue
        curves += noisy("gradient norm", label, series, color, f"grad_norm/{optimizer}")
        figures = spread(series)
        if figures["median"] is not None and figures["max"] is not None:
            largest, median = number(figures["max"]), number(figures["median"])
            summary.append(f"gradient norm{label}: median {median}, largest {largest}")
        threshold = history.series("clip_threshold", optimizer).finite
        if len(threshold):
            curves.append(
                curve(f"clip threshold{label}", threshold, color + 1, "dash", f"clip_threshold/{optimizer}")
            )
    calls = [fact for fact in history.facts(ClipCall) if fact.function == "clip_grad_norm_"]
    limits = {fact.limit for fact in calls if fact.limit}
    ends_at = [one["steps"][end] for one in curves for end in (0, -1)]
    for limit in sorted(limits) if curves else ():
        line = Series.of([limit, limit], [min(ends_at), max(ends_at)])
        curves.append(curve("the script's own max norm", line, 5, "dash"))
    said = "; ".join(summary)
    chart = chart_of("grad-norm", "Gradient norm", "L2, before clipping", said, curves, axis="L2 norm")
    chart["log"] = _positive(history, "grad_norm")
    return chart


def _learning_rate(history: History) -> Chart:
    curves: list[Curve] = []
    summary: list[str] = []
    for color, optimizer, label in _optimizers(history):
        series = history.series("lr", optimizer)
        if len(series):
            curves.append(curve(f"learning rate{label}", series, color, "line", f"lr/{optimizer}"))
            first, last, top = series.values[0], series.values[-1], series.values.max()
            course = f"{number(float(first))} to {number(float(last))}, largest {number(float(top))}"
            summary.append(f"learning rate{label}: {course}")
    said = "; ".join(summary)
    return chart_of("lr", "Learning rate", "first parameter group", said, curves, axis="learning rate")


def _update_ratio(history: History) -> Chart:
    ratio = per_layer(history, "update_ratio")
    curves: list[Curve] = []
    summary: list[str] = []
    alone = len(optimizer_labels(history)) == 1
    for color, optimizer, label in _optimizers(history):
        mine = ratio.optimizers == optimizer
        one = Layers(ratio.steps[mine], ratio.values[mine], ratio.optimizers[mine])
        median = _across(one, np.nanmedian)
        if not len(median):
            continue
        if alone:
            curves.append(curve("smallest", _across(one, np.nanmin), color, "low"))
            curves.append(curve("largest", _across(one, np.nanmax), color, "high"))
        curves.append(curve(f"median{label}", median, color, "line"))
        summary.append(f"median{label} over all steps {number(float(np.median(median.values)))}")
    note = "norm of the update over norm of the parameter, across parameter tensors; about 0.001 is usual"
    said = "; ".join(summary)
    chart = chart_of("update-ratio", "Update / parameter ratio", note, said, curves, axis="ratio of norms")
    chart["log"] = True
    return chart


def noisy(name: str, label: str, series: Series, color: int, source: str | None = None) -> list[Curve]:
    """A long series faint, with its moving mean in another colour, where there are not others to tell apart by it."""
    if len(series.finite) < SMOOTH_FROM:
        return [curve(f"{name}{label}", series, color, "line", source)]
    width = max(5, len(series) // 50)
    mean = curve(f"mean of {width} steps{label}", smooth(series, width), color, "line", source)
    if source is not None:
        mean["mean"] = width
    return [curve(f"{name}{label}", series, color if label else _NOISE, "faint", source), mean]


def wide(values: Sequence[NDArray[np.float64]]) -> bool:
    """Whether positive values lie so far apart that a linear axis would show a few of them and one line of the rest.

    A factor of 20 over the median, or of 100 over the middle nine tenths: what is a hundredth of an axis of 260 pixels
    is less than its line is thick.
    """
    together = np.concatenate([*values, np.empty(0)])
    if not len(together) or together.min() <= 0:
        return False
    low, middle, high = np.percentile(together, (5, 50, 95))
    return bool(together.max() > 20 * middle or high > 100 * low)


def useful_steps(history: History) -> tuple[int, int] | None:
    """First and last step to be looked at, of a training whose loss was finite in its smaller part only."""
    loss = history.series("loss")
    finite = loss.finite
    if not len(finite) or len(finite) == len(loss):
        return None
    first, last = int(loss.steps[0]), int(finite.steps[-1])
    room = max(2, (last - first) // 4)  # so that the first values that are none are in view
    return (first, last + room) if last + room < (first + int(loss.steps[-1])) // 2 else None


def _across(layers: Layers, reduce: Callable[..., Any]) -> Series:
    """One value a row, over the columns with a positive finite value."""
    values = np.where(np.isfinite(layers.values) & (layers.values > 0), layers.values, np.nan)
    filled = ~np.isnan(values).all(axis=1) if len(values) else np.zeros(0, dtype=bool)
    if not filled.any():
        return Series.of([])
    return Series(layers.steps[filled], reduce(values[filled], axis=1))


def _optimizers(history: History) -> list[tuple[int, int, str]]:
    """Colour, index and what to add to a curve's name, of each optimizer."""
    labels = optimizer_labels(history)
    return [
        (2 * place, index, f", {label}" if label else "")
        for place, (index, label) in enumerate(labels.items())
    ]


def _of(history: History, name: str) -> list[tuple[tuple[str, int], Series]]:
    return [(key, series) for key, series in history.step_series.items() if key[0] == name and len(series)]


def _positive(history: History, name: str) -> bool:
    return any((series.finite.values > 0).any() for _, series in _of(history, name))


def _ends(series: Series) -> str:
    course = {name: number(at) for name, at in ends(series).items() if at is not None}
    return ", ".join(f"{name} {shown}" for name, shown in course.items())


def _course(series: Series) -> str:
    finite = series.finite.values
    said = f"first {number(float(series.values[0]))}, last {number(float(series.values[-1]))}"
    if len(finite):
        said += f", smallest {number(float(finite.min()))}, largest {number(float(finite.max()))}"
    return said


def chart_of(
    identity: str, title: str, note: str, summary: str, curves: list[Curve], axis: str | None = None
) -> Chart:
    """A chart of curves, on a linear scale."""
    said = {"title": title, "note": note, "summary": summary, "axis": axis or title.lower()}
    return {"id": identity, **said, "log": False, "series": curves}


def curve(label: str, series: Series, color: int, style: str, source: str | None = None) -> Curve:
    """A series as one curve, thinned to what a screen shows."""
    kept = thin(series, POINTS)
    finite = np.isfinite(kept.values)
    bad = zip(kept.steps[~finite].tolist(), kept.values[~finite].tolist(), strict=True)
    return {
        "label": label,
        "color": color,
        "style": style,
        "steps": kept.steps.tolist(),
        "values": [float(f"{v:.5g}") if ok else None for v, ok in zip(kept.values, finite, strict=True)],
        "nonfinite": [[step, plain(value)] for step, value in bad],
        **({} if source is None else {"source": source}),
    }
