"""y = 2x + 1 by the mean squared error: descent written by hand and by torch's SGD take the same path."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, curves_scene, fit_scene, path_scene
from surefoot.figures.canvas import COLORS, GRID, footer, new_figure, styled
from surefoot.figures.surface import draw_contours
from surefoot.landscape import Objective, fit_along
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, train
from surefoot.surfaces import Floats

PAGE = """
The smallest training there is, done twice. Once by hand: the loss is the mean of (m x + b - y)², so its
slopes are the means of 2 (m x + b - y) x and of 2 (m x + b - y), and a step takes the rate times the slope
away. Once as one trains a network: `nn.Linear`, `nn.MSELoss`, backward, `SGD`. Automatic differentiation
is no approximation, so both take the same path, step for step.

## What to look at

- The crosses of the hand-written path lie on the line of the other; the picture on the right shows by how
  little they differ: the last digits of double precision.
- The path is quick across the valley and slow along it: the two curvatures differ, and one rate serves both.
- The loss falls as a straight line on the logarithmic axis: the same share of it goes with each step.

## What to change

- `--set lr=0.9`: the path hops from side to side, and still arrives.
- `--set lr=1.1`: each hop is longer than the one before it; fit stops a training that diverges.
- `--set steps=1000`: the loss ends where double precision does.
"""


def by_hand(x: Floats, y: Floats, lr: float, steps: int) -> tuple[Floats, Floats]:
    """Descent from m = b = 0 with the slopes worked out on paper.

    Returns:
        (m, b) after 0, 1, … steps, shape (steps + 1, 2); the loss at each but the last, shape (steps,).
    """
    m = b = 0.0
    points, losses = [(m, b)], []
    for _ in range(steps):
        error = m * x + b - y
        losses.append(float((error**2).mean()))
        m, b = m - lr * 2 * float((error * x).mean()), b - lr * 2 * float(error.mean())
        points.append((m, b))
    return np.array(points), np.array(losses)


def _data(options: Options) -> tuple[Tensor, Tensor]:
    inputs = torch.linspace(-1, 1, options.whole("points"), dtype=torch.float64)[:, None]
    return inputs, 2 * inputs + 1


def _descent(options: Options, inputs: Tensor, targets: Tensor) -> tuple[Training, Floats]:
    """The training, and (m, b) after 0, 1, … steps in double precision; a trajectory keeps single."""
    model = nn.Linear(1, 1, dtype=torch.float64)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    points = [(0.0, 0.0)]
    raw = optimizer("gd", model, lr=options.number("lr"))
    raw.register_step_post_hook(lambda *_: points.append((model.weight.item(), model.bias.item())))
    training = train(
        options,
        "SGD",
        model,
        nn.MSELoss(),
        (inputs, targets),
        raw,
        steps=options.whole("steps"),
        batch_size="full",
    )
    return training, np.array(points)


def _landscape(training: Training, inputs: Tensor, targets: Tensor) -> Landscape:
    return Landscape(
        Objective(training.fit.model, nn.MSELoss(), (inputs, targets)),
        (training.trajectory,),
        axes=("weight[0, 0]", "bias[0]"),
        x_range=(-1.0, 4.0),
        y_range=(-0.5, 2.5),
        logarithmic=False,
        title="Mean squared error of each line",
    )


def _train(options: Options) -> Outcome:
    inputs, targets = _data(options)
    training, sgd = _descent(options, inputs, targets)
    points, losses = by_hand(
        inputs[:, 0].numpy(), targets[:, 0].numpy(), options.number("lr"), options.whole("steps")
    )
    taken = training.fit.steps  # fewer where it diverged
    points, losses = points[: taken + 1], losses[:taken]
    apart = np.abs(sgd - points).max(axis=1)
    rows = tuple(
        {"way": way, "m": float(path[-1, 0]), "b": float(path[-1, 1]), "steps": taken, "first loss": float(loss[0]),
         "last loss": float(loss[-1])}
        for way, path, loss in (("by hand", points, losses), ("nn.Linear and SGD", sgd, training.fit.losses))
    )  # fmt: skip
    scale = float(np.abs(points).max())
    sentences = (
        f"In {taken:,} steps the two paths are never more than {apart.max():.1e} apart; "
        f"numbers of size {scale:.2g} are {np.spacing(scale):.1e} apart in double precision.",
        f"{training.fit.reason.rstrip('.').capitalize()}: m = {sgd[-1, 0]:.6g}, b = {sgd[-1, 1]:.6g}.",
    )
    data = {"by hand": points, "sgd": sgd, "losses": (losses, training.fit.losses), "apart": apart}
    landscape = _landscape(training, inputs, targets)
    return Outcome(rows, sentences, data | {"surface": landscape.surface(61)}, training.runs)


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    with styled():
        figure = new_figure(10.4, 4.7)
        sides = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1.25, 1]})
        left, right = sides
        filled = draw_contours(left, data["surface"], logarithmic=False)
        bar = figure.colorbar(filled, ax=left, pad=0.02)
        bar.set_label("mean squared error")
        bar.ax.yaxis.set_major_formatter("{x:.3g}")
        left.plot(*data["sgd"].T, "-", color="white", lw=5)
        left.plot(*data["sgd"].T, "-", color=COLORS[0], lw=2.5, label="nn.Linear and SGD")
        left.plot(*data["by hand"].T, "x", color="black", ms=6, mew=1.4, label="by hand")
        left.set_xlabel("m")
        left.set_ylabel("b")
        left.set_title("Two ways, one path")
        left.legend(loc="lower right", frameon=True, framealpha=0.9)
        steps = np.arange(len(data["apart"]))
        right.plot(steps[:-1], data["losses"][1], "-", color=COLORS[0], lw=2, label="loss")
        right.plot(
            steps,
            np.maximum(data["apart"], 1e-18),
            ".",
            color=COLORS[1],
            ms=4,
            label="distance of the two paths (0 drawn as 1e-18)",
        )
        right.set_yscale("log")
        right.set_xlabel("step")
        right.grid(color=GRID, lw=0.6)
        right.set_title("Loss and difference")
        right.legend()
        footer(figure, outcome.sentences[:1], width=150)
    return figure


def _scene(kind: str, options: Options, frames: int) -> Scene:
    inputs, targets = _data(options)
    training, _ = _descent(options, inputs, targets)
    if kind == "fit":
        along = fit_along(training.fit.model, training.trajectory, inputs, targets)
        return fit_scene(along, frames=frames)
    if kind == "curves":
        history = training.history()
        return curves_scene(
            history.series("loss"), history.series("grad_norm"), frames=frames, title="line-mse"
        )
    return path_scene(_landscape(training, inputs, targets).surface(61), frames=frames, logarithmic=False)


def _shown(options: Options) -> Landscape:
    inputs, targets = _data(options)
    return _landscape(_descent(options, inputs, targets)[0], inputs, targets)


RECIPE = Recipe(
    name="line-mse",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "points": Number(20, "points of data, x from -1 to 1", low=2),
        "lr": Number(0.1, "learning rate", low=0),
        "steps": Number(150, "steps of descent", low=1),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("path", "fit", "curves")},
)
