"""The study's figures: training dynamics with and without AutoClip, and quality by percentile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, footer, new_figure, styled
from surefoot.landscape import log_fit
from surefoot.recipes.separation.results import Result
from surefoot.recipes.separation.table import arm_name, arms, published, readable

_AUTOCLIP, _PLAIN = COLORS[0], COLORS[1]


def dynamics_figure(results: Sequence[Result]) -> Any:
    """Step size, loss, and smoothness against gradient norm of two trainings of one seed, one above the other.

    The arm with AutoClip is the percentile nearest to 10, the other is the one without clipping where there is
    one; a single training is drawn alone.
    """
    shown = pair(results)
    with styled():
        figure = new_figure(12.0, 3.3 * len(shown) + 0.5)
        axes = figure.subplots(len(shown), 3, sharex="col", sharey="col", squeeze=False)
        for (step, loss, cloud), result in zip(axes, shown, strict=True):
            _row(step, loss, cloud, result, readable(shown[0].late_loss))
        for column, label in enumerate(("step", "step", "gradient norm, before clipping")):
            axes[-1][column].set_xlabel(label)
        settings = shown[0].settings
        footer(
            figure,
            [
                f"Seed {settings.seed}; a record every {settings.every} steps; {settings.layers} BLSTM layers of "
                f"{settings.units} units, batches of {settings.batch} x {settings.frames} frames. Thin: each record; "
                "thick: mean of 10 records (of all losses between them). r is Pearson's, of the logarithms, with its "
                "95 % interval."
            ],
            width=160,
        )
    return figure


def percentiles_figure(results: Sequence[Result]) -> Any:
    """Quality and late loss by percentile: each seed a point, the mean a line; beside them the published quality."""
    by_arm = arms(results)
    percentiles = list(by_arm)
    places = np.arange(len(percentiles))
    names = [arm_name(found[0].settings).replace("no clipping", "none") for found in by_arm.values()]
    known = [published(found[0].settings) for found in by_arm.values()]
    with styled():
        figure = new_figure(11.0, 3.6)
        left, middle, right = figure.subplots(1, 3)
        _points(left, places, [[result.improvement.mean() for result in found] for found in by_arm.values()])
        left.set_title("SI-SDR improvement here, dB")
        factor, unit = readable(results[0].late_loss)
        _points(
            middle, places, [[factor * result.late_loss for result in found] for found in by_arm.values()]
        )
        middle.set_title(f"Late loss here{unit}")
        right.plot(
            places, [np.nan if value is None else value for value in known], "D-", color=INK, ms=5, lw=1.4
        )
        right.set_title("SI-SDR published, WSJ0-2mix, dB")
        for axes in (left, middle, right):
            axes.set_xticks(places, names)
            axes.set_xlabel("AutoClip's percentile")
            axes.grid(axis="y", color=GRID, lw=0.6)
        seeds = max(len(found) for found in by_arm.values())
        footer(
            figure,
            [
                f"Each dot is one training, lines join the means of {seeds} seeds. "
                "Late loss: mean of the last fifth of the steps. The scales differ."
            ],
            width=150,
        )
    return figure


def pair(results: Sequence[Result]) -> list[Result]:
    """The trainings that the figure of the dynamics shows: without clipping, and AutoClip nearest to 10."""
    first = min(result.settings.seed for result in results)
    own = [result for result in results if result.settings.seed == first]
    plain = [result for result in own if not result.settings.clips]
    clipped = sorted(
        (result for result in own if result.settings.clips),
        key=lambda each: abs(each.settings.percentile - 10),
    )
    return plain[:1] + clipped[:1]


def _row(step: Any, loss: Any, cloud: Any, result: Result, loss_unit: tuple[float, str]) -> None:
    settings, record = result.settings, result.dynamics
    color = _AUTOCLIP if settings.clips else _PLAIN
    name = f"AutoClip, p = {settings.percentile:g}" if settings.clips else "no clipping"
    step.plot(record.steps, record.step_norms, color=color, lw=0.7, alpha=0.5)
    step.plot(*_smooth(record.steps, record.step_norms, 10), color=color, lw=1.8)
    step.set_ylabel("norm of the update")
    step.set_title(f"{name}: step size")
    factor, unit = loss_unit
    losses = result.losses * (factor / settings.loss_scale)
    loss.plot(record.steps, record.losses * (factor / settings.loss_scale), color=color, lw=0.7, alpha=0.5)
    loss.plot(*_smooth(np.arange(len(losses)), losses, 10 * settings.every), color=color, lw=1.8)
    loss.set_ylabel(f"training loss{unit}")
    loss.set_title(f"{name}: loss")
    cloud.loglog(record.grad_norms, record.smoothness, "o", color=color, ms=3.5, alpha=0.6, ls="none", mew=0)
    if settings.clips and len(result.thresholds):
        end = result.thresholds[-1]
        cloud.axvline(end, color=MUTED, ls="--", lw=1.4, label=f"threshold at the end, {end:.2g}")
    try:
        fit = log_fit(record)
    except ValueError:
        pass  # too few records for a correlation
    else:
        ends = np.array([record.grad_norms.min(), record.grad_norms.max()])
        line = 10 ** (fit.intercept + fit.slope * np.log10(ends))
        label = f"r = {fit.r:.2f} [{fit.low:.2f}, {fit.high:.2f}], {fit.records} records"
        cloud.plot(ends, line, color=INK, lw=1.4, label=label)
    cloud.set_ylabel("local smoothness")
    cloud.set_title(f"{name}: smoothness")
    if cloud.get_legend_handles_labels()[0]:
        cloud.legend(
            loc="best", fontsize=8.5, handlelength=1.6, frameon=True, framealpha=0.9, edgecolor="none"
        )
    for axes in (step, loss, cloud):
        axes.grid(color=GRID, lw=0.6)
        axes.tick_params(which="both", color=MUTED, labelbottom=True)


def _points(axes: Any, places: Any, values: Sequence[Sequence[float]]) -> None:
    for place, found in zip(places, values, strict=True):
        axes.plot([place] * len(found), found, "o", color=_AUTOCLIP, ms=5, alpha=0.6, mew=0)
    axes.plot(places, [np.mean(found) for found in values], "-", color=_AUTOCLIP, lw=1.6)


def _smooth(steps: Any, values: Any, count: int) -> tuple[Any, Any]:
    """Means over stretches of so many values, each at its middle."""
    whole = len(values) // count * count
    if whole < 2 * count:
        return steps, values
    return steps[:whole].reshape(-1, count).mean(axis=1), values[:whole].reshape(-1, count).mean(axis=1)
