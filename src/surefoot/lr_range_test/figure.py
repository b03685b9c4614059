"""The picture of a range test: the loss over the rate, its local line, the suggestions; the trials beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, STYLES, new_figure, styled, write, write_text
from surefoot.lr_range_test.local_fit import local_fit
from surefoot.lr_range_test.page import page, shown_losses
from surefoot.lr_range_test.records import RangeTest
from surefoot.lr_range_test.suggestions import FEWEST
from surefoot.lr_range_test.wording import whose
from surefoot.report.numbers import value


def draw_range_test(test: RangeTest, path: str | Path) -> Path:
    """Draw it to a .png, .svg or .html file.

    Raises:
        SettingError: Another suffix.
        MissingExtra: matplotlib is not installed (PNG, SVG).
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".html":
        return write_text(page(test), path)
    if suffix not in (".png", ".svg"):
        raise SettingError(
            f"{Path(path).name} is no picture that can be drawn: end it in .png, .svg or .html."
        )
    return write(range_test_figure(test), path)


def range_test_figure(test: RangeTest) -> Any:
    """As a matplotlib figure."""
    with styled():
        figure = new_figure(9.6 if test.trials else 7.2, 4.6)
        axes = figure.subplots(1, 2, width_ratios=(2.2, 1)) if test.trials else [figure.add_subplot()]
        _curve(axes[0], test)
        if test.trials:
            _trials(axes[1], test)
        title = "no rate to recommend" if test.lr is None else f"use {value(test.lr)}"
        figure.suptitle(
            f"Learning-rate range test, {test.found.optimizer}: {title}", x=0.01, ha="left", fontsize=12
        )
    return figure


def _curve(axes: Any, test: RangeTest) -> None:
    curve = test.curve.finite
    axes.plot(curve.rates, curve.losses, ".", color=MUTED, ms=4, label="loss after a step")
    if len(curve) >= FEWEST:
        axes.plot(curve.rates, local_fit(curve).level, color=INK, lw=1.6, label="local line")
        axes.set_ylim(*shown_losses(curve))
    for place, each in enumerate(s for s in test.suggestions if s.rate is not None):
        color = COLORS[place % len(COLORS)]
        if each.low is not None and each.high is not None:
            axes.axvspan(each.low, each.high, color=color, alpha=0.12, lw=0)
        axes.axvline(
            each.rate,
            color=color,
            lw=1.4,
            ls=STYLES[place % len(STYLES)],
            label=f"{each.method}  {value(each.rate)}",
        )
    if test.found.spacing == "exponential":
        axes.set_xscale("log")
    axes.set_xlim(test.found.first, test.found.last)
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss")
    axes.set_title(f"ended by: {test.found.ended}", fontsize=9, fontweight="normal")
    axes.grid(color=GRID, lw=0.6)
    axes.legend(loc="lower left")


def _trials(axes: Any, test: RangeTest) -> None:
    validated = any(trial.validated for trial in test.trials)
    names = [value(trial.rate) for trial in test.trials]
    losses = [np.nan if trial.loss is None else trial.loss for trial in test.trials]
    colors = [COLORS[2] if trial.rate == test.lr else MUTED for trial in test.trials]
    places = range(len(names))
    axes.barh(places, losses, color=colors, height=0.6)
    for place, (trial, loss) in enumerate(zip(test.trials, losses, strict=True)):
        said = value(loss) if trial.loss is not None else "failed"
        axes.text(0 if np.isnan(loss) else loss, place, f" {said}", va="center", fontsize=8)
    axes.set_yticks(
        places, [f"{name}\n{_who(t.methods)}" for name, t in zip(names, test.trials, strict=True)]
    )
    axes.tick_params(axis="y", labelsize=8)
    axes.margins(x=0.25)
    steps = max(trial.judged_at for trial in test.trials)
    axes.set_xlabel(f"{'validation' if validated else 'training'} loss after {steps} steps")
    axes.set_title("tried", fontsize=9, fontweight="normal")


def _who(methods: tuple[str, ...]) -> str:
    own, more = whose(methods), len(methods) - 1
    return f"{own} and {more} more" if more else own
