"""A line through noisy points by the L1 loss: every point of a grid against gradient descent."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, curves_scene, fit_scene, path_scene
from surefoot.figures.canvas import COLORS, GRID, MUTED, footer, new_figure, styled
from surefoot.figures.surface import draw_contours, draw_marks
from surefoot.landscape import Objective, compare, fit_along
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, seeded, train
from surefoot.schedules import linear
from surefoot.surfaces import Surface

PAGE = """
Points lie on a line y = m x + b, but for some noise. Which line fits them best, by the mean absolute error?
There are two ways to find out. *Brute force* tries all pairs of a grid, which shows the whole landscape and
costs grid² evaluations; with a third number it would cost grid³. *Gradient descent* starts anywhere and
follows the slope down.

## What to look at

- The contours are not ellipses but have edges: the absolute value has a kink at each point that the line
  passes.
- The slope of an absolute error does not shrink near the minimum, so a constant rate would hop about there
  for ever; the rate falls to zero over the training.
- Neither way finds the true m and b, and neither can: with this noise the best line itself is that far off.
  The standard error says how far is to be expected.

## What to change

- `--set noise=2`: the standard error grows, and both errors with it.
- `--set grid=20`: a coarse grid misses the valley's floor.
- `--set lr=0.02`: the way is too long for so many steps; the loss that is left shows it.
"""


def _data(options: Options) -> tuple[Tensor, Tensor]:
    generator = seeded(options.seed)
    count = options.whole("points")
    inputs = torch.rand(count, 1, generator=generator) * 4 - 2
    noise = torch.randn(count, 1, generator=generator) * options.number("noise")
    return inputs, options.number("m") * inputs + options.number("b") + noise


def _descent(options: Options, inputs: Tensor, targets: Tensor) -> Training:
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, options.number("start_m"))
    nn.init.constant_(model.bias, options.number("start_b"))
    steps = options.whole("steps")
    return train(
        options,
        "gradient descent",
        model,
        nn.L1Loss(),
        (inputs, targets),
        optimizer("gd", model, lr=options.number("lr")),
        schedule=linear(steps),
        steps=steps,
        batch_size="full",
    )


def _landscape(training: Training, inputs: Tensor, targets: Tensor, span: float) -> Landscape:
    return Landscape(
        Objective(training.fit.model, nn.L1Loss(), (inputs, targets)),
        (training.trajectory,),
        axes=("weight[0, 0]", "bias[0]"),
        x_range=(-span, span),
        y_range=(-span, span),
        title="Mean absolute error of each line",
    )


def one_by_one(inputs: Tensor, targets: Tensor, axis: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """(m, b, loss) of the lowest point of a grid, by the plain loop over all its points."""
    lowest = (math.nan, math.nan, math.inf)
    for b in axis.tolist():
        for m in axis.tolist():
            loss = float((m * inputs + b - targets).abs().mean())
            if loss < lowest[2]:
                lowest = (m, b, loss)
    return lowest


def standard_errors(inputs: Tensor, noise: float) -> tuple[float, float]:
    """Standard errors of m and b when the mean absolute error is minimised under Gaussian noise.

    Source: Bassett, Koenker 1978, "Asymptotic theory of least absolute error regression": the covariance is
    (X'X)^-1 / (2 f(0))^2 with f the noise's density, for a Gaussian pi / 2 times that of least squares.
    """
    design = torch.cat([inputs, torch.ones_like(inputs)], dim=1).double()
    covariance = math.pi / 2 * noise**2 * torch.linalg.inv(design.T @ design)
    m, b = covariance.diagonal().sqrt().tolist()
    return m, b


def _train(options: Options) -> Outcome:
    inputs, targets = _data(options)
    training = _descent(options, inputs, targets)
    # By the run's own clock, which leaves out what is loaded before a first training.
    descent_seconds = float(training.history().series("time").values[-1])
    span, points = options.number("span"), options.whole("grid")
    landscape = _landscape(training, inputs, targets, span)
    began = time.perf_counter()
    surface = landscape.surface(points)
    batched_seconds = time.perf_counter() - began
    began = time.perf_counter()
    plain = one_by_one(inputs, targets, surface.x)
    plain_seconds = time.perf_counter() - began

    m, b = training.trajectory.points[-1].tolist()
    found = (m, b)
    loss = landscape.objective.loss_at(landscape.objective.center)
    race = compare(training.trajectory, surface)
    true = options.number("m"), options.number("b")
    errors = standard_errors(inputs, options.number("noise"))
    ways = (
        ("grid, one point at a time", plain, points**2, plain_seconds),
        ("grid, many points at once", surface.minimum, points**2, batched_seconds),
        ("gradient descent by fit, recorded", (*found, loss), training.fit.steps, descent_seconds),
    )
    rows = tuple(
        {
            "way": way,
            "m": m,
            "b": b,
            "loss": low,
            "evaluations": evaluations,
            "error of m / standard error": (m - true[0]) / errors[0],
            "error of b / standard error": (b - true[1]) / errors[1],
            "seconds": seconds,
        }
        for way, (m, b, low), evaluations, seconds in ways
    )
    cell = float(surface.x[1] - surface.x[0])
    apart = max(abs(found[0] - surface.minimum[0]), abs(found[1] - surface.minimum[1]))
    worst = max(abs(found[0] - true[0]) / errors[0], abs(found[1] - true[1]) / errors[1])
    gap = surface.minimum[2] - loss
    sentences = (
        f"{race.sentence.capitalize()}.",
        f"Descent found m = {found[0]:.3f} and b = {found[1]:.3f} where {true[0]:g} and {true[1]:g} made the data: "
        f"{worst:.1f} standard errors off at most, {'within' if worst <= 3 else 'beyond'} the noise.",
        f"It ends {apart / cell:.1f} cells from the grid's lowest point, with a loss {abs(gap):.2g} "
        f"{'lower' if gap > 0 else 'higher'}.",
    )
    data = {
        "inputs": inputs.flatten().numpy(),
        "targets": targets.flatten().numpy(),
        "surface": surface,
        "true": true,
        "found": found,
        "standard_errors": errors,
        "race": race,
        "trajectory": training.trajectory,
    }
    return Outcome(rows, sentences, data, training.runs)


def _figure(outcome: Outcome) -> Any:
    data, surface = outcome.data, outcome.data["surface"]
    ends = np.array([data["inputs"].min(), data["inputs"].max()])
    with styled():
        figure = new_figure(10.4, 4.9)
        left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.15]})
        left.plot(data["inputs"], data["targets"], "o", color=MUTED, ms=3.5, alpha=0.55, label="data")
        lines = (
            ("the line behind the data", data["true"], ":", "black"),
            ("lowest of the grid", surface.minimum[:2], "--", COLORS[1]),
            ("gradient descent", data["found"], "-", COLORS[0]),
        )
        for name, (m, b), style, color in lines:
            left.plot(ends, m * ends + b, style, color=color, lw=2, label=f"{name}: {m:.3f} x {b:+.3f}")
        left.set_xlabel("x")
        left.set_ylabel("y")
        left.grid(color=GRID, lw=0.6)
        left.set_title("The lines found")
        left.legend(loc="upper left")
        filled = draw_contours(right, surface)
        bar = figure.colorbar(filled, ax=right, pad=0.02)
        bar.set_label("mean absolute error")
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
        draw_marks(right, surface)
        right.set_xlabel("m")
        right.set_ylabel("b")
        right.set_title("Every line of the grid, and the path down")
        right.legend(loc="lower left", frameon=True, framealpha=0.9)
        footer(figure, outcome.sentences[:1], width=150)
    return figure


def _shown(options: Options) -> tuple[Landscape, Training, Tensor, Tensor]:
    inputs, targets = _data(options)
    training = _descent(options, inputs, targets)
    return (
        _landscape(training, inputs, targets, options.number("span")),
        training,
        inputs,
        targets,
    )


def _scene(kind: str, options: Options, frames: int) -> Scene:
    landscape, training, inputs, targets = _shown(options)
    if kind == "fit":
        return fit_scene(fit_along(training.fit.model, training.trajectory, inputs, targets), frames=frames)
    if kind == "curves":
        history = training.history()
        return curves_scene(history.series("loss"), history.series("grad_norm"), frames=frames, title="line")
    surface: Surface = landscape.surface(options.whole("grid"))
    return path_scene(surface, frames=frames)


RECIPE = Recipe(
    name="line",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "points": Number(100, "points of data", quick=40, low=3),
        "noise": Number(0.5, "standard deviation of the noise", low=0),
        "m": Number(1.5, "slope of the line behind the data"),
        "b": Number(-0.5, "its height at x = 0"),
        "grid": Number(100, "values of m, and of b, that the grid tries", quick=30, low=2),
        "span": Number(4.0, "the grid goes from -span to span", low=0.1),
        "start_m": Number(-3.0, "where descent begins"),
        "start_b": Number(3.0, "where descent begins"),
        "lr": Number(0.1, "learning rate, falling linearly to zero", low=0),
        "steps": Number(250, "steps of descent", low=1),
    },
    landscape=lambda options: _shown(options)[0],
    scenes={kind: partial(_scene, kind) for kind in ("path", "fit", "curves")},
)
