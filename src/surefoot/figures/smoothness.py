"""The figure of training dynamics: gradient norm against local smoothness, both logarithmic, with the fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.canvas import COLORS, GRID, MARKERS, MUTED, new_figure, styled
from surefoot.surfaces import Smoothness, log_fit


def smoothness_figure(
    records: Smoothness | Mapping[str, Smoothness], *, thresholds: Mapping[str, float] | None = None
) -> Any:
    """Each record's points with the line through their logarithms, as a matplotlib figure.

    Args:
        records: One, or several by name ("AutoClip", "no clipping").
        thresholds: Clip threshold by the same names, drawn as vertical lines.
    """
    named = {"": records} if isinstance(records, Smoothness) else dict(records)
    with styled():
        figure = new_figure(6.4, 4.8)
        axes = figure.add_subplot()
        for index, (name, record) in enumerate(named.items()):
            color = COLORS[index % len(COLORS)]
            x, y = record.grad_norms[record.positive], record.smoothness[record.positive]
            label = name or "recorded steps"
            try:
                fit = log_fit(record)
            except SettingError:
                pass  # too few, or nothing but rounding
            else:
                ends = np.array([x.min(), x.max()])
                axes.plot(ends, 10 ** (fit.intercept + fit.slope * np.log10(ends)), color=color, lw=1.6)
                label += f", r = {fit.r:.2f} of {fit.records}"
            axes.plot(
                x, y, MARKERS[index % len(MARKERS)], color=color, ms=4, alpha=0.7, ls="none", label=label
            )
            if thresholds and name in thresholds:
                axes.axvline(
                    thresholds[name], color=color, ls="--", lw=1.2, label=f"{name or 'clip'} threshold"
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("gradient norm, before clipping")
        axes.set_ylabel("local smoothness")
        axes.set_title("Smoothness along the training path")
        axes.grid(color=GRID, lw=0.6)
        axes.tick_params(which="both", color=MUTED)
        axes.legend()
    return figure
