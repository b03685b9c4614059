"""Scenes: a figure drawn once, and the few artists on it that change from frame to frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from surefoot.errors import SettingError
from surefoot.figures.animation.notes import Note, free_corner
from surefoot.figures.animation.timing import chosen
from surefoot.figures.canvas import COLORS, GRID, MARKERS, MUTED, STYLES, new_figure, styled
from surefoot.figures.surface import draw_contours, until_far
from surefoot.records import Series
from surefoot.surfaces import Fit, Floats, Path, Steps, Surface

WIDTH, HEIGHT, DPI = 6.4, 4.8, 100  # 640 x 480
_LONG = 1_000  # steps, more than the picture is wide: their noise would paint a band


@dataclass(frozen=True)
class Scene:
    """What moves, ready to be rendered.

    Args:
        figure: Drawn once; all axes are fixed.
        artists: What changes.
        notes: Text that changes.
        update: Sets artists and notes for frame i.
        steps: The step each frame shows.
        title: Of the page.
    """

    figure: Any
    artists: tuple[Any, ...]
    notes: tuple[Note, ...]
    update: Callable[[int], None]
    steps: Steps
    title: str

    def __len__(self) -> int:
        return len(self.steps)


def fit_scene(fit: Fit, *, frames: int = 80) -> Scene:
    """The model's curve over the data as it trains."""
    shown = chosen(len(fit.steps), frames)
    with styled():
        figure = new_figure(WIDTH, HEIGHT, DPI)
        axes = figure.add_subplot()
        axes.plot(fit.inputs, fit.targets, "o", color=MUTED, ms=4, alpha=0.6, label="data")
        (curve,) = axes.plot([], [], "-", color=COLORS[0], lw=2.5, label=f"model, {fit.name}")
        axes.set_xlabel("input")
        axes.set_ylabel("output")
        axes.grid(color=GRID, lw=0.6)
        axes.legend(loc="upper left")
        low, high = _range(fit.targets, 0.35)
        axes.set_xlim(*_range(fit.inputs, 0.05))
        axes.set_ylim(low, high)
        note = Note(axes)

    def update(frame: int) -> None:
        index = shown[frame]
        curve.set_data(fit.grid, fit.predictions[index])
        note.text = _at(int(fit.steps[index]), float(fit.losses[index]))

    return Scene(figure, (curve,), (note,), update, fit.steps[shown], f"The fit of {fit.name}")


def path_scene(surface: Surface, *, frames: int = 80, logarithmic: bool | None = None) -> Scene:
    """The paths of a surface as they run over it, all at the same step.

    Raises:
        SettingError: The surface has no path.
    """
    moving = [path for path in surface.paths if len(path.steps) > 1]
    if not moving:
        raise SettingError("this surface has no path to animate; give it a trajectory")
    steps = np.unique(np.concatenate([path.steps for path in moving]))
    steps = steps[chosen(len(steps), frames)]
    with styled():
        figure = new_figure(WIDTH, HEIGHT, DPI)
        axes = figure.add_subplot()
        filled = draw_contours(axes, surface, logarithmic)
        bar = figure.colorbar(filled, ax=axes, pad=0.02)
        bar.set_label("loss")
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
        runners = [_Runner(axes, path, index) for index, path in enumerate(moving)]
        axes.legend(loc="upper right", frameon=True, framealpha=0.9)
        points = np.concatenate([path.points for path in moving])
        note = Note(axes, corner=free_corner(axes, points, taken=("top right",)))  # the legend's
        figure.supxlabel(f"{surface.statement}.", fontsize=7, color=MUTED, wrap=True)

    def update(frame: int) -> None:
        step = int(steps[frame])
        for runner in runners:
            runner.move(step)
        note.text = f"step {step:,}"

    artists = tuple(a for r in runners for a in r.artists)
    return Scene(figure, artists, (note,), update, steps, "The path over the loss surface")


def rates_scene(surface: Surface, *, frames: int = 80, logarithmic: bool | None = None) -> Scene:
    """Each path of a surface in a panel of its own, side by side at the same step: a grid of learning rates.

    Raises:
        SettingError: The surface has no path.
    """
    paths = [path for path in surface.paths if len(path.steps) > 1]
    if not paths:
        raise SettingError(
            "this surface has no path to animate; give it one trajectory for each learning rate"
        )
    steps = np.unique(np.concatenate([path.steps for path in paths]))
    steps = steps[chosen(len(steps), frames)]
    columns = min(3, len(paths)) if len(paths) != 4 else 2
    rows = -(-len(paths) // columns)
    with styled():
        figure = new_figure(WIDTH, HEIGHT, DPI)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        runners, notes = [], []
        points = np.concatenate([path.points for path in paths])
        for index, axes in enumerate(grid.ravel()):
            if index >= len(paths):
                axes.set_axis_off()
                continue
            draw_contours(axes, surface, logarithmic)
            axes.label_outer()
            axes.set_title(paths[index].name, fontsize=10)
            runners.append(_Runner(axes, paths[index], 0, legend=False))
            notes.append(Note(axes, corner=free_corner(axes, points), size=8))

    def update(frame: int) -> None:
        step = int(steps[frame])
        for runner, note in zip(runners, notes, strict=True):
            loss = runner.move(step)
            where = ", outside" if runner.outside else ""
            value = f"\nloss {loss:.3g}" if np.isfinite(loss) else ""
            note.text = f"step {step:,}{where}{value}"

    artists = tuple(a for r in runners for a in r.artists)
    return Scene(figure, artists, tuple(notes), update, steps, "Learning rates side by side")


def curves_scene(loss: Series, grad_norm: Series, *, frames: int = 80, title: str = "Training") -> Scene:
    """Loss and gradient norm as they grow with the steps.

    Raises:
        SettingError: Neither has a finite value.
    """
    if not len(loss.finite) and not len(grad_norm.finite):
        raise SettingError("neither loss nor gradient norm has a finite value to draw")
    steps = np.unique(np.concatenate([loss.steps, grad_norm.steps]))
    steps = steps[chosen(len(steps), frames)]
    with styled():
        figure = new_figure(WIDTH, HEIGHT, DPI)
        upper, lower = figure.subplots(2, 1, sharex=True)
        noise, lines, heads = [], [], []
        both = ((upper, loss, "loss", COLORS[1]), (lower, grad_norm, "gradient norm", COLORS[0]))
        for axes, series, name, color in both:
            finite = series.finite.values
            axes.set_ylabel(name)
            axes.grid(color=GRID, lw=0.6)
            axes.set_xlim(float(steps[0]), float(max(steps[-1], steps[0] + 1)))
            if len(finite):
                positive = finite.min() > 0 and finite.max() / finite.min() > 30
                if positive:
                    axes.set_yscale("log")
                    low, high = finite.min() / 1.2, finite.max() * 1.2
                else:
                    low, high = _range(finite, 0.08)
                axes.set_ylim(low, high)
            noise.append(axes.plot([], [], "-", color=MUTED, alpha=0.35, lw=0.6)[0])
            lines.append(axes.plot([], [], "-", color=color, lw=1.8)[0])
            heads.append(axes.plot([], [], "o", color=color, mec="white", ms=7)[0])
        lower.set_xlabel("step")
        upper.set_title(title)
        note = Note(upper, corner="top right")

    means = [_mean(series) for series in (loss, grad_norm)]

    def update(frame: int) -> None:
        step = int(steps[frame])
        parts = [f"step {step:,}"]
        drawn = zip(noise, lines, heads, (loss, grad_norm), means, ("loss", "norm"), strict=True)
        for pale, line, head, series, mean, name in drawn:
            count = int(np.searchsorted(series.steps, step, side="right"))
            if mean is not series.values:
                pale.set_data(series.steps[:count], series.values[:count])
            line.set_data(series.steps[:count], mean[:count])
            head.set_data(series.steps[count - 1 : count], mean[count - 1 : count])
            if count:
                parts.append(f"{name} {series.values[count - 1]:.4g}")
        note.text = ", ".join(parts)

    return Scene(figure, (*noise, *lines, *heads), (note,), update, steps, title)


def _mean(series: Series) -> Floats:
    """Of a long series the mean of the last hundredth of its steps at each, over what is finite; a short one itself."""
    if len(series) < _LONG:
        return series.values
    width = len(series) // 100
    known = np.isfinite(series.values)
    sums, counts = (
        np.concatenate([[0.0], np.cumsum(part)]) for part in (np.where(known, series.values, 0.0), known)
    )
    first = np.maximum(np.arange(len(series)) + 1 - width, 0)
    count = counts[1:] - counts[first]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, (sums[1:] - sums[first]) / count, np.nan)


class _Runner:
    """One path's line so far and its head."""

    def __init__(self, axes: Any, path: Path, index: int, *, legend: bool = True) -> None:
        self.path = path
        color = COLORS[index % len(COLORS)]
        # A white line below instead of a halo effect: a tenth of the time to draw.
        self.under = axes.plot([], [], "-", color="white", lw=4)[0]
        self.line = axes.plot(
            [], [], STYLES[index % len(STYLES)], color=color, lw=2, label=path.name if legend else None
        )[0]
        self.head = axes.plot([], [], MARKERS[index % len(MARKERS)], color=color, mec="white", mew=1.2, ms=9)[
            0
        ]
        self.artists = (self.under, self.line, self.head)
        low, high = (np.array(ends) for ends in zip(axes.get_xlim(), axes.get_ylim(), strict=True))
        away = np.abs(path.points - (low + high) / 2) / (high - low)  # 0.5 is the frame
        self.within = (away <= 0.5).all(1)
        self.last = until_far(path.points, axes.get_xlim(), axes.get_ylim())
        self.outside = False

    def move(self, step: int) -> float:
        """Show the path up to a step; returns the loss there."""
        count = int(np.searchsorted(self.path.steps, step, side="right"))
        x, y = self.path.points[: min(count, self.last)].T
        for line in (self.under, self.line):
            line.set_data(x, y)
        self.head.set_data(self.path.points[count - 1 : count].T)
        if not count:
            return float("nan")
        self.outside = not self.within[count - 1]
        return float(self.path.losses[count - 1])


def _at(step: int, loss: float) -> str:
    return f"step {step:,}" + (f", loss {loss:.4g}" if np.isfinite(loss) else "")


def _range(values: Floats | Sequence[float], room: float) -> tuple[float, float]:
    finite = np.asarray(values)[np.isfinite(values)]
    low, high = float(finite.min()), float(finite.max())
    pad = room * (high - low or 1.0)
    return low - pad, high + pad
