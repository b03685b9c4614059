"""Curves as narrow as the screen, and what is new of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from surefoot.records import Series
from surefoot.report.charts import POINTS, Curve, curve
from surefoot.report.smoothing import smooth
from surefoot.store.buckets import FEWEST_POINTS, kept
from surefoot.store.follow import Changes

_NAMES = ("loss", "grad_norm", "lr", "clip_threshold")
_PER_PIXEL = 2  # the least and the greatest value of each


def fitted(made: Curve, width: int) -> Curve:
    """A curve with the least and the greatest value of each pixel.

    Args:
        made: As `surefoot.report.charts` makes it.
        width: Of the chart, in pixels.
    """
    points = min(POINTS, max(FEWEST_POINTS, _PER_PIXEL * width))
    if len(made["steps"]) <= points:
        return made
    values = np.array([np.nan if value is None else value for value in made["values"]])
    keep = kept(values, points).tolist()
    return {**made, **{name: [made[name][at] for at in keep] for name in ("steps", "values")}}


def news(found: Changes) -> dict[str, Series]:
    """What is new of each series, by its source ("loss/0", "metric/accuracy"), in the order of its steps."""
    rows: dict[str, list[tuple[int, float]]] = {}
    for step in found.steps:
        for name in _NAMES:
            _add(rows, f"{name}/{step.optimizer}", step.step, getattr(step, name))
    for metric in found.metrics:
        _add(rows, f"metric/{metric.name}", metric.step, metric.value)
    return {source: _series(points) for source, points in rows.items()}


def appended(source: str, series: Series) -> Curve:
    """What is to be put at the end of a curve."""
    made = curve("", series, 0, "")
    return {"source": source, **{name: made[name] for name in ("steps", "values", "nonfinite")}}


class Means:
    """The moving means of one stream: each needs what stood before the new values.

    Args:
        widths: Source -> over how many steps.
    """

    def __init__(self, widths: Mapping[str, int]) -> None:
        self._widths = dict(widths)
        self._before: dict[str, Series] = {}

    def wants(self, source: str) -> bool:
        """Whether what stood before is not known yet."""
        return source in self._widths and source not in self._before

    def begin(self, source: str, before: Series) -> None:
        """Tell what stood before."""
        self._before[source] = before.finite

    def appended(self, source: str, new: Series) -> Curve | None:
        """What the mean is from the first step on that the new values change; None: this one has no mean."""
        width = self._widths.get(source)
        if width is None:
            return None
        before = self._before.get(source, Series.of([]))
        together = _joined(before, new.finite)
        mean = smooth(together, width)
        reached = max(0, len(before) - width // 2)  # a mean is of what stands on both sides of it
        self._before[source] = _end(together, 2 * width)
        return appended(source, _end(mean, len(mean) - reached)) | {"mean": width}


def widths_of(text: str) -> dict[str, int]:
    """Widths as they stand in an address, "loss/0:50,grad_norm/0:50"; what cannot be one is left out.

    Example:
        >>> widths_of("loss/0:50,x:1e9,:3")
        {'loss/0': 50}
    """
    pairs = (part.rpartition(":") for part in text[:2000].split(","))
    return {
        source: int(width)
        for source, _, width in pairs
        if source.rpartition("/")[0] in _NAMES and width.isdecimal() and 2 <= int(width) <= 10**7
    }


def _add(rows: dict[str, list[tuple[int, float]]], source: str, step: int, value: float | None) -> None:
    if value is not None:
        rows.setdefault(source, []).append((step, value))


def _series(points: Iterable[tuple[int, float]]) -> Series:
    ordered: Sequence[tuple[int, float]] = sorted(points, key=lambda point: point[0])
    return Series.of([value for _, value in ordered], [step for step, _ in ordered])


def _joined(before: Series, new: Series) -> Series:
    return Series(np.concatenate([before.steps, new.steps]), np.concatenate([before.values, new.values]))


def _end(series: Series, length: int) -> Series:
    begin = max(0, len(series) - length)
    return Series(series.steps[begin:], series.values[begin:])
