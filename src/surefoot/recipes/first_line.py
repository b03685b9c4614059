"""The first line of the source-separation tutorial: guessed on a grid, then descended to at six learning rates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, path_scene, rates_scene
from surefoot.figures.canvas import COLORS, GRID, MUTED, STYLES, footer, new_figure, styled
from surefoot.figures.surface import draw_contours
from surefoot.landscape import Objective
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, train
from surefoot.surfaces import Floats

PAGE = """
A network of one weight and one bias is a line. A hundred noisy points of another line are its data, the mean
absolute error its loss. One can guess the line, trying every pair of a 100 x 100 grid, or go down the slope. The
data, the start and all numbers are those of the chapter on gradient descent in Manilow, Seetharaman, Salamon 2020,
*Open source tools & data for music source separation* (source-separation.github.io/tutorial), so that the chapter
can be read beside a recorded training.

## What to look at

- The loss of each point is a V: the line is nearly flat at the start, and the further out a point lies, the
  further off it is.
- The grid's mean over b, as a function of m, is smooth; its slope is the mean of the slopes, and crosses zero where
  the loss is lowest.
- At rates 1 and 0.5 the line hops between the same two slopes for ever: near the best line the slope of an absolute
  error does not shrink, so the step doesn't either. 0.1 hops less far; 0.01 arrives; below, the way is too long.
- The gradient norms of the rates that hop and of those that creep are the same, five: a large norm that stays tells
  that the training hasn't arrived, the loss tells why.

## What to change

- `--seed 1`: another line, other noise, another start.
- `--set rates=0.05,0.02,0.01,0.005 --set steps=300`: near the best of the six.
- `--set noise=3`: the floor rises to 0.8 of the noise's deviation, whatever the rate.
"""

_WAY = "iterations to twice the grid's lowest"
_REACHED = 2.0  # times the grid's lowest loss: there the line looks right


def _data(options: Options) -> tuple[Floats, Floats, tuple[float, float]]:
    """(x, y, (m, b) behind them), drawn as the chapter does."""
    rng = np.random.RandomState(options.seed)
    m, b = rng.randn(), rng.randn()
    x = np.linspace(-10, 10, options.whole("points"))
    return x, m * x + b + rng.normal(0, options.number("noise"), len(x)), (m, b)


def _column(values: Floats) -> Tensor:
    return torch.from_numpy(values).reshape(-1, 1).float()


def _start(options: Options) -> nn.Linear:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return nn.Linear(1, 1)


def grid_of(x: Floats, y: Floats, axis: Floats) -> tuple[Floats, Floats, Floats]:
    """Loss and its two slopes at each pair of a grid.

    Returns:
        Loss, slope along m, slope along b, each of shape (m, b).
    """
    loss, along_m, along_b = (np.empty((len(axis), len(axis))) for _ in range(3))
    for row, m in enumerate(axis):
        errors = m * x + axis[:, None] - y
        loss[row] = np.abs(errors).mean(axis=1)
        along_m[row] = (np.sign(errors) * x).mean(axis=1)
        along_b[row] = np.sign(errors).mean(axis=1)
    return loss, along_m, along_b


def _trainings(options: Options) -> list[tuple[float, Training]]:
    x, y, _ = _data(options)
    found = []
    for rate in options.listed("rates"):
        model = _start(options)
        training = train(
            options,
            f"lr {rate:g}",
            model,
            nn.L1Loss(),
            (_column(x), _column(y)),
            optimizer("gd", model, lr=rate),
            steps=options.whole("steps"),
            batch_size="full",
        )
        found.append((rate, training))
    return found


def _landscape(options: Options, trainings: list[tuple[float, Training]]) -> Landscape:
    x, y, _ = _data(options)
    best = min((training for _, training in trainings), key=lambda t: float(t.fit.losses[-1]))
    span = options.number("span")
    return Landscape(
        Objective(best.fit.model, nn.L1Loss(), (_column(x), _column(y))),
        tuple(training.trajectory for _, training in trainings),
        axes=("weight[0, 0]", "bias[0]"),
        x_range=(-span, span),
        y_range=(-span, span),
        title="Mean absolute error of each line",
    )


def _ended(losses: Floats, lowest: float) -> str:
    """How a training went, by its last losses."""
    if losses[-1] <= _REACHED * lowest:
        return "arrived"
    hops = np.diff(losses[-20:])
    return "hops" if (hops > 0).any() else "still on its way"


def _train(options: Options) -> Outcome:
    x, y, true = _data(options)
    axis = np.linspace(-options.number("span"), options.number("span"), options.whole("grid"))
    loss, along_m, along_b = grid_of(x, y, axis)
    row, column = np.unravel_index(loss.argmin(), loss.shape)
    lowest = float(loss.min())
    start = _start(options)
    m, b = start.weight.item(), start.bias.item()
    first = np.abs(m * x + b - y)
    trainings = _trainings(options)
    rows: list[dict[str, Any]] = []
    curves, lines = {}, {}
    for rate, training in trainings:
        history = training.history()
        losses, norms = history.series("loss"), history.series("grad_norm")
        below = np.flatnonzero(losses.values <= _REACHED * lowest)
        lines[rate] = tuple(training.trajectory.points[-1].tolist())
        curves[rate] = (losses, norms)
        rows.append(
            {
                "rate": rate,
                "ended": _ended(losses.values, lowest),
                _WAY: int(losses.steps[below[0]]) if len(below) else None,
                "last loss": float(losses.values[-1]),
                "last gradient norm": float(norms.values[-1]),
                "m": lines[rate][0],
                "b": lines[rate][1],
            }
        )
    arrived = [found for found in rows if found["ended"] == "arrived"]
    best = min(rows, key=lambda found: found["last loss"])
    hopping = ", ".join(f"{found['rate']:g}" for found in rows if found["ended"] == "hops")
    slopes = float(along_m[row, column]), float(along_b[row, column])
    way = f", twice the grid's lowest after {best[_WAY]} iterations" if arrived else ", not arrived"
    sentences = (
        f"Start: weight {m:.4f}, bias {b:.4f}, loss {first.mean():.4f}. {loss.size:,} guesses find {lowest:.4f} at "
        f"m = {axis[row]:.2f}, b = {axis[column]:.2f} (true: {true[0]:.2f}, {true[1]:.2f}), where the slopes are still "
        f"{slopes[0]:.4f} and {slopes[1]:.4f}.",
        f"Hopping for ever: {hopping or 'none'}. Best rate: {best['rate']:g} with {best['last loss']:.3f}{way}.",
    )
    data = {
        "x": x,
        "y": y,
        "true": true,
        "start": (m, b),
        "losses of the points": first,
        "axis": axis,
        "loss": loss,
        "slopes": (along_m, along_b),
        "lowest": (float(axis[row]), float(axis[column]), lowest),
        "slopes at the lowest": slopes,
        "curves": curves,
        "lines": lines,
        "surface": _landscape(options, trainings).surface(61),
    }
    runs = tuple(run for _, training in trainings for run in training.runs)
    return Outcome(tuple(rows), sentences, data, runs)


def _figure(outcome: Outcome) -> Any:
    with styled():
        figure = new_figure(12.6, 12.4)
        rows = figure.subfigures(3, 1, height_ratios=[1, 1.55, 1])
        _draw_the_landscape(rows[0], outcome.data)
        _draw_the_fits(rows[1], outcome)
        _draw_the_curves(rows[2], outcome.data["curves"])
        footer(figure, outcome.sentences, width=150)
    return figure


def _draw_the_landscape(figure: Any, data: Mapping[str, Any]) -> None:
    points, surface, means, slopes = figure.subplots(1, 4, gridspec_kw={"width_ratios": [1, 1.2, 1, 1]})
    points.plot(data["x"], data["losses of the points"], "o", color=COLORS[1], ms=3)
    _labelled(points, "Each point's loss at the start", "x", "absolute error")
    draw_contours(surface, data["surface"])
    for index, path in enumerate(data["surface"].paths):
        color, style = COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]
        surface.plot(*path.points.T, style, color=color, lw=1.6)
    surface.plot(*data["lowest"][:2], "*", color="black", mec="white", ms=13)
    surface.set_xlim(data["axis"][0], data["axis"][-1])
    surface.set_ylim(data["axis"][0], data["axis"][-1])
    _labelled(surface, "The paths, and the grid's lowest", "m", "b", grid=False)
    for index, (name, across) in enumerate((("m", 1), ("b", 0))):
        means.plot(
            data["axis"], data["loss"].mean(axis=across), STYLES[index], color=COLORS[index], label=name
        )
        slopes.plot(
            data["axis"],
            data["slopes"][index].mean(axis=across),
            STYLES[index],
            color=COLORS[index],
            label=name,
        )
    slopes.axhline(0, color=MUTED, lw=0.8)
    _labelled(means, "Loss by m and by b", "value of m, of b", "loss, mean of the grid")
    _labelled(slopes, "Slope by m and by b", "value of m, of b", "slope, mean of the grid")
    means.legend()
    slopes.legend()


def _draw_the_fits(figure: Any, outcome: Outcome) -> None:
    data = outcome.data
    columns = 3
    grid = figure.subplots(
        -(-len(data["lines"]) // columns), columns, sharex=True, sharey=True, squeeze=False
    )
    ends = np.array([data["x"][0], data["x"][-1]])
    for axes in grid.ravel()[len(data["lines"]) :]:
        axes.set_axis_off()
    for index, (axes, row) in enumerate(zip(grid.ravel(), outcome.rows, strict=False)):
        m, b = data["lines"][row["rate"]]
        axes.plot(data["x"], data["y"], "o", color=MUTED, ms=2.5, alpha=0.6)
        axes.plot(ends, m * ends + b, color=COLORS[index % len(COLORS)], lw=2.2)
        axes.set_ylim(-20, 20)
        _labelled(axes, f"Rate {row['rate']:g}: {row['ended']}, m = {m:.2f}, b = {b:.2f}", "x", "y")
        axes.label_outer()


def _draw_the_curves(figure: Any, curves: dict[float, Any]) -> None:
    norm, loss = figure.subplots(1, 2)
    for index, (rate, (losses, norms)) in enumerate(curves.items()):
        look = {"color": COLORS[index % len(COLORS)], "ls": STYLES[index % len(STYLES)], "lw": 1.7}
        norm.plot(norms.steps, norms.values, label=f"{rate:g}", **look)
        loss.plot(losses.steps, np.log10(losses.values), label=f"{rate:g}", **look)
    _labelled(norm, "Gradient norm", "iteration", "norm")
    _labelled(loss, "Loss", "iteration", "log10 of the loss")
    norm.set_ylim(bottom=0)
    norm.legend(title="learning rate", ncols=3, loc="lower left")


def _labelled(axes: Any, title: str, x: str, y: str, *, grid: bool = True) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if grid:
        axes.grid(color=GRID, lw=0.6)


def _shown(options: Options) -> Landscape:
    return _landscape(options, _trainings(options))


def _scene(kind: str, options: Options, frames: int) -> Scene:
    make = rates_scene if kind == "rates" else path_scene
    return make(_shown(options).surface(61), frames=frames)


RECIPE = Recipe(
    name="first-line",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "rates": Number("1,0.5,0.1,0.01,0.001,0.0001", "learning rates, separated by commas"),
        "steps": Number(100, "iterations of descent", low=1),
        "points": Number(100, "points of data, x from -10 to 10", low=2),
        "noise": Number(0.1, "standard deviation of the noise", low=0),
        "grid": Number(100, "values of m, and of b, that are guessed", low=2),
        "span": Number(2.0, "guesses go from -span to span", low=0.1),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("rates", "path")},
)
