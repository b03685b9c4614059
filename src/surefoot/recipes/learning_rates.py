"""Six learning rates on one line: the path, the loss and the gradient norm of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, path_scene, rates_scene
from surefoot.figures.canvas import COLORS, GRID, STYLES, footer, new_figure, styled
from surefoot.figures.surface import draw_contours, until_far
from surefoot.landscape import Objective, sharpness
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, train

PAGE = """
The learning rate is the number that decides most, and on a line one can see why. The same line y = 2x + 1
is fitted by the mean squared error, from the same start, at six rates. The loss is a quadratic bowl, so what
must happen is known: a rate below 2 / (largest curvature) comes nearer with each step, a rate above it goes
away, and the smallest curvature says how long the last stretch takes.

## What to look at

- The highest rate diverges, each hop longer than the one before; fit notices, stops and says so.
- The next one is the best of the six although its first steps hop from side to side of the valley.
- Below that, ten times smaller takes ten times as long. The lowest hardly leave the start: their loss curves
  look flat, and a flat curve is easily taken for a training that has converged. The gradient norm tells them
  apart: it is still large.
- The gradient norm is the root of the sum of the squares of all slopes. (Summing before squaring lets slopes
  of opposite sign cancel, which looks like arrival.)

## What to change

- `--set rates=0.85,0.8,0.75,0.7,0.6,0.4`: walk up to the edge; the table shows the rate times the curvature,
  which must stay below 2.
- `--set steps=2000`: give the low rates their time.
"""


_RANGES = (-3.0, 6.0), (-4.0, 4.0)  # of m and b in pictures; the start is clear of the notes in their corner


def _data(options: Options) -> tuple[Tensor, Tensor]:
    inputs = torch.linspace(0, 1, options.whole("points"))[:, None]
    return inputs, 2 * inputs + 1


def _trainings(options: Options, inputs: Tensor, targets: Tensor) -> list[tuple[float, Training]]:
    found = []
    for rate in options.listed("rates"):
        model = nn.Linear(1, 1)
        nn.init.constant_(model.weight, options.number("start"))
        nn.init.constant_(model.bias, options.number("start"))
        training = train(
            options,
            f"lr {rate:g}",
            model,
            nn.MSELoss(),
            (inputs, targets),
            optimizer("gd", model, lr=rate),
            steps=options.whole("steps"),
            batch_size="full",
        )
        found.append((rate, training))
    return found


def _landscape(trainings: Sequence[tuple[float, Training]], inputs: Tensor, targets: Tensor) -> Landscape:
    # About the training that came lowest: the surface's trained point is its end.
    best = min((t for _, t in trainings), key=lambda t: _last(t.fit.losses))
    return Landscape(
        Objective(best.fit.model, nn.MSELoss(), (inputs, targets)),
        tuple(training.trajectory for _, training in trainings),
        axes=("weight[0, 0]", "bias[0]"),
        x_range=_RANGES[0],
        y_range=_RANGES[1],
        title="One line, six learning rates",
    )


def _last(losses: Any) -> float:
    return float(losses[-1]) if np.isfinite(losses[-1]) else float("inf")


def _train(options: Options) -> Outcome:
    inputs, targets = _data(options)
    trainings = _trainings(options, inputs, targets)
    landscape = _landscape(trainings, inputs, targets)
    curvature = sharpness(landscape.objective, products=2).top
    aim = options.number("aim")
    rows: list[dict[str, Any]] = []
    curves = {}
    for rate, training in trainings:
        history = training.history()
        loss, norm = history.series("loss"), history.series("grad_norm")
        below = np.flatnonzero(loss.values <= aim * loss.values[0])
        curves[rate] = (loss, norm)
        rows.append(
            {
                "rate": rate,
                "rate x curvature": rate * curvature,
                "ended": training.fit.ended,
                "steps": training.fit.steps,
                "last loss": float(loss.values[-1]),
                "first gradient norm": float(norm.values[0]),
                "last gradient norm": float(norm.values[-1]),
                f"steps to {aim:.0%} of the loss": int(loss.steps[below[0]]) if len(below) else None,
            }
        )
    diverged = [row["rate"] for row in rows if row["ended"] == "diverged"]
    stable = [row for row in rows if row["rate x curvature"] < 2]
    best = min(rows, key=lambda row: row["last loss"] if np.isfinite(row["last loss"]) else np.inf)
    sentences = [
        f"The largest curvature is {curvature:.3f}, so rates below {2 / curvature:.3f} come nearer with each step.",
        f"Diverged: {', '.join(f'{rate:g}' for rate in diverged) or 'none'}. Lowest loss after "
        f"{best['steps']:,} steps: rate {best['rate']:g} with {best['last loss']:.2g}.",
    ]
    if stable:
        slow = min(stable, key=lambda row: row["rate"])
        share = slow["last gradient norm"] / slow["first gradient norm"]
        sentences.append(
            f"At rate {slow['rate']:g} the gradient norm is still {share:.0%} of the first: it has not arrived."
        )
    data = {"surface": landscape.surface(61), "curves": curves, "curvature": curvature}
    runs = tuple(run for _, training in trainings for run in training.runs)
    return Outcome(tuple(rows), tuple(sentences), data, runs)


def _figure(outcome: Outcome) -> Any:
    surface, curves = outcome.data["surface"], outcome.data["curves"]
    with styled():
        figure = new_figure(11.6, 4.9)
        path, loss, norm = figure.subplots(1, 3, gridspec_kw={"width_ratios": [1.15, 1, 1]})
        draw_contours(path, surface)
        for index, (drawn, (rate, series)) in enumerate(zip(surface.paths, curves.items(), strict=True)):
            color, style = COLORS[index % len(COLORS)], STYLES[index % len(STYLES)]
            x, y = drawn.points[: until_far(drawn.points, *_RANGES)].T
            path.plot(x, y, "-", color="white", lw=4, zorder=2 + index)
            path.plot(x, y, style, color=color, lw=2, label=f"{rate:g}", zorder=2 + index)
            path.plot(x[-1:], y[-1:], "o", color=color, mec="white", ms=8, zorder=2 + index)
            for axes, one in zip((loss, norm), series, strict=True):
                axes.plot(one.steps, one.values, style, color=color, lw=1.8, label=f"{rate:g}")
        path.plot(2, 1, "*", color="black", mec="white", ms=15, zorder=1.9)
        path.set_xlim(surface.x[0], surface.x[-1])
        path.set_ylim(surface.y[0], surface.y[-1])
        path.set_xlabel("m")
        path.set_ylabel("b")
        path.set_title("Paths over the mean squared error")
        steps = max(len(series[0]) for series in curves.values())
        for axes, name in ((loss, "Loss"), (norm, "Gradient norm")):
            axes.set_yscale("log")
            axes.set_xlim(0, steps)
            axes.set_xlabel("step")
            axes.set_title(name)
            axes.grid(color=GRID, lw=0.6)
        first = max(series[0].values[0] for series in curves.values())
        loss.set_ylim(first * 1e-7, first * 1e3)
        norm.set_ylim(1e-4, 1e3)
        norm.legend(title="learning rate", loc="upper right", ncols=2)
        footer(figure, [" ".join(outcome.sentences)], width=170)
    return figure


def _shown(options: Options) -> Landscape:
    inputs, targets = _data(options)
    return _landscape(_trainings(options, inputs, targets), inputs, targets)


def _scene(kind: str, options: Options, frames: int) -> Scene:
    make = rates_scene if kind == "rates" else path_scene
    return make(_shown(options).surface(61), frames=frames)


RECIPE = Recipe(
    name="learning-rates",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "rates": Number("1,0.5,0.1,0.01,0.001,0.0001", "learning rates, separated by commas"),
        "steps": Number(100, "steps of descent", low=1),
        "points": Number(50, "points of data, x from 0 to 1", low=2),
        "start": Number(-1.0, "m and b at the start"),
        "aim": Number(0.01, "share of the first loss whose step is named", low=0),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("rates", "path")},
)
