"""The figure of a surface: filled contours, the paths on it, and what lies off the plane."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from surefoot.figures.canvas import COLORS, INK, MARKERS, STYLES, SURFACE_MAP, footer, new_figure, styled
from surefoot.surfaces import Floats, Surface

LEVELS = 16
FAR = 2.0  # of the picture's width or height from its middle


def surface_figure(surface: Surface, *, logarithmic: bool | None = None, title: str | None = None) -> Any:
    """Contours of a surface with its paths, as a matplotlib figure.

    Args:
        surface: The record.
        logarithmic: Space the contours in the loss's logarithm; by default from a factor of 30.
        title: By default by the surface's kind.
    """
    with styled():
        figure = new_figure(6.8, 5.8)
        figure.set_layout_engine("compressed")  # the bar as tall as axes of equal scale
        axes = figure.add_subplot()
        filled = draw_contours(axes, surface, logarithmic)
        bar = figure.colorbar(filled, ax=axes, pad=0.02)
        bar.set_label("loss")
        ends = filled.levels[0], filled.levels[-1]
        bar.set_ticks(round_ticks(*ends, contour_levels(surface.losses, logarithmic)[1]))
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
        bar.ax.minorticks_off()
        if surface.gradients is not None:
            _draw_gradients(axes, surface)
        draw_marks(axes, surface)
        axes.set_title(title or _title(surface))
        # Below the axes by points, not by their height: equal axes may be flat.
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.15, 0),  # one that is wider than the axes would push the bar away
            borderaxespad=4.5,
            ncols=3,
            columnspacing=1.0,
            handlelength=2.2,
            handletextpad=0.5,
        )
        lines = [f"{surface.statement}."]
        if surface.descent is not None:
            sentence = surface.descent.sentence
            lines.append(f"{sentence[0].upper()}{sentence[1:]}.")
        footer(figure, [*lines, _how(surface)])
    return figure


def contour_levels(
    losses: Floats, logarithmic: bool | None = None, count: int = LEVELS
) -> tuple[Floats, bool]:
    """Levels that show the bottom of the valley as well as its walls, and whether they are logarithmic."""
    finite = losses[np.isfinite(losses)]
    low, high = float(finite.min()), float(np.quantile(finite, 0.995))
    if high <= low:
        high = float(finite.max())
    if high <= low:  # a flat surface still needs two levels
        return np.array([low - 0.5, low + 0.5]), False
    ratio = high / max(low, high * 1e-6)
    use = ratio >= 30 and low >= 0 if logarithmic is None else logarithmic and low >= 0
    if use:
        return np.geomspace(max(low, high * 1e-6), high, count), True
    return np.linspace(low, high, count), False


def round_ticks(low: float, high: float, logarithmic: bool) -> Floats:
    """A handful of round numbers from `low` to `high`: 1, 2 and 5 of each decade, or steps of such a size.

    Example:
        >>> [float(tick) for tick in round_ticks(0.55, 19.5, True)]
        [1.0, 2.0, 5.0, 10.0]
    """
    if logarithmic:
        decades = np.arange(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        heads = (1, 2, 5) if len(decades) <= 4 else (1,)
        every = max(1, len(decades) // 8)
        ticks = np.array([head * 10.0**decade for decade in decades[::every] for head in heads])
    else:
        rough = (high - low) / 6
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * next(head for head in (1, 2, 5, 10) if head * power >= rough)
        ticks = np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step
    return ticks[(ticks >= low) & (ticks <= high)]


def draw_contours(axes: Any, surface: Surface, logarithmic: bool | None = None) -> Any:
    """Filled contours and their lines; points that are not finite stay grey."""
    from matplotlib.colors import BoundaryNorm

    losses = np.ma.masked_invalid(surface.losses)
    levels, _ = contour_levels(surface.losses, logarithmic)
    axes.set_facecolor("#bbbbbb")
    norm = BoundaryNorm(levels, 256, extend="both")
    filled = axes.contourf(
        surface.x,
        surface.y,
        losses,
        levels=levels,
        cmap=SURFACE_MAP,
        norm=norm,
        extend="both",
        antialiased=False,
    )
    axes.contour(surface.x, surface.y, losses, levels=levels, colors="white", linewidths=0.4, alpha=0.7)
    axes.set_xlabel(surface.x_name)
    axes.set_ylabel(surface.y_name)
    axes.set_xlim(surface.x[0], surface.x[-1])
    axes.set_ylim(surface.y[0], surface.y[-1])
    if surface.kind in ("principal", "checkpoints"):  # one unit is the same distance both ways
        axes.set_aspect("equal", adjustable="box")
    return filled


def draw_marks(axes: Any, surface: Surface) -> None:
    """Paths, the trained point and the lowest point."""
    import matplotlib.patheffects as effects

    halo = [effects.Stroke(linewidth=4, foreground="white"), effects.Normal()]
    for index, path in enumerate(surface.paths):
        if not seen(path.points, surface):
            continue
        color, style = COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]
        marker = MARKERS[index % len(MARKERS)]
        points = path.points[: until_far(path.points, axes.get_xlim(), axes.get_ylim())]
        x, y = points.T
        if len(x) == 1:  # a checkpoint
            options = {"color": color, "mec": "white", "ms": 11, "ls": "none", "zorder": 4}
            axes.plot(x, y, marker, label=path.name, **options)
            continue
        axes.plot(x, y, style, color=color, lw=2, path_effects=halo, label=path.name, zorder=3)
        some = spaced(points, (surface.x, surface.y))
        axes.plot(x[some], y[some], marker, color=color, mec="white", mew=0.8, ms=5, ls="none", zorder=4)
    x_low, y_low, low = surface.minimum
    # Also whole on the frame itself, where the lowest point often lies.
    options = {"color": "black", "mec": "white", "ls": "none", "clip_on": False}
    axes.plot(x_low, y_low, "v", ms=9, label=f"lowest, {low:.4g}", zorder=5, **options)
    label = f"trained, {surface.center_loss:.4g}"
    axes.plot(*surface.center, "*", ms=15, label=label, zorder=6, **options)


def seen(points: Floats, surface: Surface) -> bool:
    """Whether anything of a path lies within the picture: a legend names only what is drawn."""
    x, y = points.T
    inside = (x >= surface.x[0]) & (x <= surface.x[-1]) & (y >= surface.y[0]) & (y <= surface.y[-1])
    return bool(inside.any())


def until_far(points: Floats, x_limits: tuple[float, float], y_limits: tuple[float, float]) -> int:
    """How many points of a path to draw: none past the first that is well outside the picture.

    A path that diverges would paint the picture over.
    """
    low, high = (np.array(ends) for ends in zip(x_limits, y_limits, strict=True))
    away = np.abs(points - (low + high) / 2) / (high - low)  # 0.5 is the frame
    gone = np.flatnonzero(~(away <= FAR).all(axis=1))
    return int(gone[0]) + 1 if len(gone) else len(points)


def spaced(points: Floats, extent: tuple[Floats, Floats], share: float = 0.03) -> NDArray[np.int64]:
    """Indices of points at least a share of the picture apart, the first and last among them."""
    scale = np.array([np.ptp(extent[0]), np.ptp(extent[1])])
    keep, last = [0], points[0]
    for index, point in enumerate(points):
        if np.linalg.norm((point - last) / scale) >= share:
            keep.append(index)
            last = point
    if keep[-1] != len(points) - 1:
        keep.append(len(points) - 1)
    return np.array(keep)


def _draw_gradients(axes: Any, surface: Surface) -> None:
    """Arrows of one length that point downhill; the contours already show how steep it is."""
    assert surface.gradients is not None
    every_x, every_y = (max(1, round(len(a) / 14)) for a in (surface.x, surface.y))
    part = np.s_[every_y // 2 :: every_y, every_x // 2 :: every_x]
    down = -surface.gradients[part]
    # In units of the picture, so that arrows cross the contours as drawn.
    scale = np.array([np.ptp(surface.x), np.ptp(surface.y)])
    down = down * scale**2 if surface.kind == "grid" else down
    lengths = np.linalg.norm(down / scale, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        down = np.where(lengths > 0, down / lengths, 0) * 0.045
    x, y = np.meshgrid(surface.x, surface.y)
    options = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.003, "headwidth": 4}
    axes.quiver(x[part], y[part], down[..., 0], down[..., 1], color=INK, alpha=0.75, zorder=2, **options)


def _title(surface: Surface) -> str:
    return {
        "grid": f"Loss over {surface.x_name} and {surface.y_name}",
        "random": "Loss on a random plane",
        "principal": "Loss on the plane of the path's principal components",
        "checkpoints": "Loss on the plane through three checkpoints",
        "custom": "Loss on a plane",
    }[surface.kind]


def _how(surface: Surface) -> str:
    settings = surface.settings
    normalization = settings.get("normalization")
    scaled = f", {normalization}-normalised directions" if normalization else ""
    mode, examples = settings.get("mode", "?"), settings.get("examples", 0)
    count = "1 example" if examples == 1 else f"{examples:,} examples"
    return f"{surface.losses.size:,} points, {count}, mode {mode}{scaled}."
