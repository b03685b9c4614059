"""The figure of a slice: loss above, slope below, the trained point marked."""

from __future__ import annotations

from typing import Any

import numpy as np

from surefoot.figures.canvas import COLORS, GRID, INK, MUTED, footer, new_figure, styled
from surefoot.surfaces import Slice


def slice_figure(cut: Slice) -> Any:
    """Loss and slope along a line, as a matplotlib figure."""
    with styled():
        figure = new_figure(6.4, 5.2)
        losses, slopes = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2, 1]})
        if cut.low is not None and cut.high is not None:
            losses.fill_between(
                cut.positions, cut.low, cut.high, color=COLORS[1], alpha=0.15, lw=0, label="least to greatest"
            )
        label = "mean over the others" if cut.others == "averaged" else "loss"
        losses.plot(cut.positions, cut.losses, color=COLORS[1], lw=1.8, label=label)
        low = cut.minimum
        losses.plot(*low, "v", color=COLORS[2], ms=8, label=f"lowest, {low[1]:.4g} at {low[0]:.4g}", zorder=4)
        name = "first checkpoint" if cut.kind == "between" else "trained point"
        losses.plot(cut.center, cut.center_loss, "*", color=COLORS[0], ms=12, label=name, zorder=5)
        losses.set_ylabel("loss")
        losses.set_title(f"Loss along {cut.name}")
        losses.legend()
        slopes.axhline(0, color=MUTED, lw=0.8)
        slopes.plot(cut.positions, cut.slopes, color=COLORS[1], lw=1.5)
        slopes.set_ylabel("slope")
        slopes.set_xlabel(_axis_name(cut))
        for axes in (losses, slopes):
            axes.grid(color=GRID, lw=0.6)
            axes.axvline(cut.center, color=INK, lw=0.6, ls=":")
        finite = cut.losses[np.isfinite(cut.losses)]
        if finite.min() > 0 and finite.max() / finite.min() > 1000:
            losses.set_yscale("log")
        footer(figure, [_how(cut)])
    return figure


def _axis_name(cut: Slice) -> str:
    if cut.kind == "parameter":
        return cut.name
    return "0: first checkpoint, 1: second" if cut.kind == "between" else f"steps along {cut.name}"


def _how(cut: Slice) -> str:
    others = "the other parameters held at the trained point"
    if cut.kind == "direction":
        others = "all parameters move together"
    elif cut.kind == "between":
        others = "buffers as in the model"
    elif cut.others == "averaged":
        others = (
            f"averaged over {cut.settings.get('samples')} settings of the other parameters, "
            f"each within {cut.settings.get('others_span'):g} of its trained value"
        )
    mode, examples = cut.settings.get("mode", "?"), cut.settings.get("examples", 0)
    others = others[0].upper() + others[1:]
    return f"{others}; {examples:,} examples, mode {mode}"
