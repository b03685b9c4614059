"""Five optimizers down a bowl and down a narrow one."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.animation.scenes import Scene, path_scene, rates_scene
from surefoot.figures.canvas import COLORS, GRID, MARKERS, STYLES, footer, new_figure, styled
from surefoot.figures.surface import draw_contours
from surefoot.landscape import Objective
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, train

PAGE = """
The bowl w0² + 4 w1² and its ill-conditioned kin w0² + 50 w1². Its two curvatures are all that there is to
know, and with them good settings of three of the optimizers are known in closed form. So this compares
optimizers near their best, which is rarely done: gradient descent and momentum (Polyak's heavy ball) at the
optimal rates for these curvatures, Nesterov's acceleration at its usual one (1 / the larger curvature; on a
quadratic Lessard, Recht and Packard 2016, arXiv:1408.3595, have a better one, 45 steps instead of 52 on the narrow
bowl), RMSprop and Adam at one rate for both bowls.

## What to look at

- In the round bowl all arrive soon. In the narrow one gradient descent zigzags: its rate is bounded by the steep
  direction, so the flat one takes (condition number) times as many steps. Momentum needs about the root of that.
- Momentum's path swings past the minimum and comes back: the price of its speed.
- RMSprop and Adam divide each coordinate by the size of its own slope. On a bowl whose axes are the
  coordinates' they hardly notice the condition number, but a constant rate leaves RMSprop hopping about at a
  distance of that rate.

## What to change

- `--set condition=1000`: the gap between descent and momentum widens as the root of the condition number.
- `--set lr=0.3`: the adaptive ones get there sooner, and end less near.
- `--set angle=45`: turn the narrow bowl, and the adaptive ones lose their advantage: they scale coordinates, and
  the valley no longer runs along one.
"""

_NAMES = ("gradient descent", "momentum", "Nesterov", "RMSprop", "Adam")


class Bowl(nn.Module):
    """w' A w with the curvatures 2 and 2 k, turned by an angle.

    Args:
        condition: k, the quotient of the curvatures.
        start: Where w begins, shape (2,).
        angle: By which the axes of the bowl are turned. Unit: degrees.
    """

    shape: Tensor

    def __init__(self, condition: float, start: tuple[float, float], angle: float = 0.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor(start))
        turn = math.radians(angle)
        axes = torch.tensor([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        self.register_buffer("shape", axes @ torch.diag(torch.tensor([1.0, condition])) @ axes.T)

    def forward(self) -> Tensor:  # noqa: D102
        return self.w @ self.shape @ self.w


def _loss(model: nn.Module, batch: Any) -> Tensor:
    result: Tensor = model()
    return result


def best_settings(low: float, high: float, lr: float) -> dict[str, tuple[str, dict[str, float]]]:
    """Optimizer and settings for each name, from the curvatures where a rule for that is known.

    Source: Polyak 1964 for the heavy ball; Nesterov 2004, "Introductory lectures on convex optimization", section
    2.2, for the constant momentum, which holds for all functions between these curvatures and is not the optimum of
    quadratics; 2 / (low + high) for descent is in both.
    """
    root = math.sqrt(high / low)
    return {
        "gradient descent": ("gd", {"lr": 2 / (low + high)}),
        "momentum": (
            "momentum",
            {"lr": 4 / (math.sqrt(high) + math.sqrt(low)) ** 2, "momentum": ((root - 1) / (root + 1)) ** 2},
        ),
        "Nesterov": ("nesterov", {"lr": 1 / high, "momentum": (root - 1) / (root + 1)}),
        "RMSprop": ("rmsprop", {"lr": lr}),
        "Adam": ("adam", {"lr": lr}),
    }


def _descents(options: Options, condition: float, angle: float) -> list[Training]:
    found = []
    for name, (kind, settings) in best_settings(2.0, 2.0 * condition, options.number("lr")).items():
        model = Bowl(condition, (options.number("start_0"), options.number("start_1")), angle)
        training = train(
            options,
            name,
            model,
            _loss,
            (torch.zeros(1),),  # a bowl needs no data; fit counts one example a step
            optimizer(kind, model, **({"weight_decay": 0.0} | settings)),  # type: ignore[arg-type]
            steps=options.whole("steps"),
            batch_size="full",
            run=f"{condition:g}-{name}",
        )
        found.append(training)
    return found


def _landscape(trainings: list[Training], condition: float) -> Landscape:
    model = trainings[-1].fit.model
    return Landscape(
        Objective(model, compute=_loss),
        tuple(training.trajectory for training in trainings),
        axes=("w[0]", "w[1]"),
        x_range=(-4.0, 2.0),
        y_range=(-2.0, 2.0),
        title=f"w0² + {condition:g} w1²",
    )


def _bowls(options: Options) -> list[tuple[float, float]]:
    """(condition, angle) of the round and of the narrow one."""
    return [(options.number("round"), 0.0), (options.number("condition"), options.number("angle"))]


def _train(options: Options) -> Outcome:
    near = options.number("near")
    rows: list[dict[str, Any]] = []
    shown = []
    runs: list[Path] = []
    for condition, angle in _bowls(options):
        trainings = _descents(options, condition, angle)
        shown.append((condition, _landscape(trainings, condition).surface(81), trainings))
        for training in trainings:
            distances = np.linalg.norm(training.trajectory.points, axis=1)
            close = distances <= near
            # The first step from which on it stays near: swinging through does not count.
            outside = np.flatnonzero(~close)
            settled = 0 if len(outside) == 0 else int(outside[-1]) + 1
            group = training.fit.optimizer.param_groups[0]
            rows.append(
                {
                    "bowl": f"w0² + {condition:g} w1²" + (f", turned {angle:g}°" if angle else ""),
                    "optimizer": training.trajectory.name,
                    "lr": float(group["lr"]),
                    "momentum": float(group["momentum"]) if "momentum" in group else None,
                    f"steps until within {near:g}": settled if settled < len(close) else None,
                    "last distance": float(distances[-1]),
                }
            )
            runs += training.runs
    key = f"steps until within {near:g}"
    steps = {(row["bowl"], row["optimizer"]): row[key] for row in rows}
    sentences = []
    for bowl in dict.fromkeys(row["bowl"] for row in rows):
        descent, momentum = steps[bowl, "gradient descent"], steps[bowl, "momentum"]
        if descent and momentum:
            sentences.append(
                f"On {bowl} gradient descent needs {descent} steps and momentum {momentum}, "
                f"{descent / momentum:.1f} times fewer."
            )
        missing = [name for name in _NAMES if steps[bowl, name] is None]
        if missing:
            sentences.append(f"On {bowl} {' and '.join(missing)} did not come to stay within {near:g}.")
    data = {"surfaces": [surface for _, surface, _ in shown], "near": near}
    return Outcome(tuple(rows), tuple(sentences), data, tuple(runs))


def _figure(outcome: Outcome) -> Any:
    surfaces = outcome.data["surfaces"]
    with styled():
        figure = new_figure(11.2, 8.2)
        grid = figure.subplots(2, 2, gridspec_kw={"height_ratios": [1.25, 1]}, sharey="row")
        titles = list(dict.fromkeys(row["bowl"] for row in outcome.rows))
        for column, surface in enumerate(surfaces):
            above, below = grid[:, column]
            draw_contours(above, surface)
            above.set_title(titles[column])
            for index, path in enumerate(surface.paths):
                color, style, marker = COLORS[index], STYLES[index % len(STYLES)], MARKERS[index]
                x, y = path.points.T
                above.plot(x, y, "-", color="white", lw=3.6)
                above.plot(x, y, style, color=color, lw=1.8, label=path.name)
                some = min(len(x), 13)
                above.plot(x[:some], y[:some], marker, color=color, mec="white", mew=0.7, ms=5, ls="none")
                distance = np.linalg.norm(path.points, axis=1)
                below.plot(
                    path.steps, np.maximum(distance, 1e-9), style, color=color, lw=1.8, label=path.name
                )
            above.plot(0, 0, "*", color="black", mec="white", ms=14, zorder=6)
            below.axhline(outcome.data["near"], color="black", lw=0.8, ls=":")
            below.set_yscale("log")
            below.set_ylim(1e-6, 10)
            below.set_xlabel("step")
            below.set_ylabel("distance from the minimum")
            below.grid(color=GRID, lw=0.6)
        grid[0, 0].legend(loc="lower right", frameon=True, framealpha=0.9)
        footer(figure, [" ".join(outcome.sentences)], width=165)
    return figure


def _shown(options: Options) -> Landscape:
    condition, angle = _bowls(options)[1]
    return _landscape(_descents(options, condition, angle), condition)


def _scene(kind: str, options: Options, frames: int) -> Scene:
    make = rates_scene if kind == "rates" else path_scene
    return make(_shown(options).surface(81), frames=frames)


RECIPE = Recipe(
    name="bowl",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "round": Number(4.0, "quotient of the curvatures of the first bowl", low=1),
        "condition": Number(50.0, "quotient of the curvatures of the narrow bowl", low=1),
        "angle": Number(0.0, "turn of the narrow bowl in degrees"),
        "start_0": Number(-3.5, "w0 at the start"),
        "start_1": Number(0.8, "w1 at the start"),
        "lr": Number(0.1, "rate of RMSprop and Adam", low=0),
        "steps": Number(250, "steps of each descent", low=1),
        "near": Number(0.01, "distance that counts as near", low=0),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("path", "rates")},
)
