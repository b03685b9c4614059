"""Full-batch, mini-batch and one-example descent on a linear model of five features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.figures.canvas import COLORS, GRID, STYLES, footer, new_figure, styled
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Number, Options, Outcome, Recipe
from surefoot.recipes.training import Training, seeded, train
from surefoot.surfaces import Floats, Steps

PAGE = """
How many examples should one step look at? All of them give the exact gradient, one gives a noisy guess at a
small part of the price. The same linear model of five features is trained three ways from the same start for
the same number of epochs, and its loss over all examples is drawn against three clocks: epochs (examples looked
at), steps, and seconds. The answer depends on the clock.

The loss shown is what is left above the least-squares solution, which is computed exactly beside it.

## What to look at

- By epochs, one-example descent is far ahead at first: it has taken hundreds of steps before full-batch descent
  takes its second.
- By steps it is the other way round: each full-batch step is exact, and may be long.
- By seconds, what counts is that a step on all of these few examples takes hardly longer than a step on one. With a
  million examples it would not be so.
- The noisy ones do not settle: with a constant rate they wander about the solution at a distance that the rate
  and the batch decide. Full-batch descent goes on falling.

## What to change

- `--set lr_one=0.001`: less noise at the end, a slower start.
- `--set schedule=linear(1)`: rates that fall to zero over the training take the noise out.
- `--set batch=128`: between the two.
"""

WAYS = ("full batch", "mini-batch", "one example")


def _data(options: Options) -> tuple[Tensor, Tensor]:
    generator = seeded(options.seed)
    count = options.whole("examples")
    scales = torch.linspace(1.0, options.number("least"), 5)
    inputs = torch.randn(count, 5, generator=generator) * scales
    weights = torch.randn(5, 1, generator=generator)
    noise = options.number("noise") * torch.randn(count, 1, generator=generator)
    return inputs, inputs @ weights + 1.0 + noise


def least_squares(inputs: Tensor, targets: Tensor) -> tuple[Floats, float]:
    """The solution (five weights, bias) and its mean squared error, in double precision."""
    design, y = _design(inputs), targets[:, 0].double().numpy()
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return solution, float(((design @ solution - y) ** 2).mean())


def _design(inputs: Tensor) -> Floats:
    return np.concatenate([inputs.double().numpy(), np.ones((len(inputs), 1))], axis=1)


def _one(options: Options, way: str, inputs: Tensor, targets: Tensor) -> Training:
    sizes: dict[str, Any] = {"full batch": "full", "mini-batch": options.whole("batch"), "one example": 1}
    rates = {"full batch": "lr_full", "mini-batch": "lr_mini", "one example": "lr_one"}
    model = nn.Linear(5, 1)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    schedule = str(options.numbers["schedule"])
    return train(
        options,
        way,
        model,
        nn.MSELoss(),
        (inputs, targets),
        optimizer("gd", model, lr=options.number(rates[way])),
        epochs=options.whole("epochs"),
        batch_size=sizes[way],
        schedule=_over_the_training(schedule, options.whole("epochs")),
    )


def _over_the_training(schedule: str, epochs: int) -> str:
    """A schedule of length 1 is stretched over all epochs."""
    return schedule.replace("(1)", f"(epochs({epochs}))")


def _seconds(training: Training, steps: Steps) -> Floats:
    """Time at each point by the run's clock; the first step's warming up counts as a step like the others."""
    times = training.history().series("time")
    since = times.values - times.values[0] + float(np.median(np.diff(times.values)))
    known = np.concatenate([[0], times.steps]), np.concatenate([[0.0], since])
    return np.asarray(np.interp(steps, *known), dtype=np.float64)


def _train(options: Options) -> Outcome:
    inputs, targets = _data(options)
    solution, lowest = least_squares(inputs, targets)
    design, y = _design(inputs), targets[:, 0].double().numpy()
    aim = options.number("aim")
    rows: list[dict[str, Any]] = []
    runs: list[Path] = []
    curves = {}
    for way in WAYS:
        training = _one(options, way, inputs, targets)
        residuals = training.trajectory.points.astype(np.float64) @ design.T - y
        # Where double precision ends the difference is rounding, not loss.
        excess = np.maximum((residuals**2).mean(axis=1) - lowest, 1e-16)
        steps = training.trajectory.steps
        seconds = _seconds(training, steps)
        epochs = steps * options.whole("epochs") / steps[-1]
        curves[way] = {"epochs": epochs, "steps": steps, "seconds": seconds, "excess": excess}
        below = np.flatnonzero(excess <= aim * excess[0])
        first = int(below[0]) if len(below) else None
        end = excess[len(excess) // 2 :]
        rows.append(
            {
                "way": way,
                "steps in all": int(steps[-1]),
                f"epochs to {aim:.0%}": None if first is None else float(epochs[first]),
                f"steps to {aim:.0%}": None if first is None else int(steps[first]),
                f"seconds to {aim:.0%}": None if first is None else float(seconds[first]),
                "excess loss, second half": float(end.mean()),
                "excess loss at the end": float(excess[-1]),
            }
        )
        runs += training.runs
    sentences = []
    for clock in ("epochs", "steps", "seconds"):
        arrived = {row["way"]: row[f"{clock} to {aim:.0%}"] for row in rows}
        arrived = {way: at for way, at in arrived.items() if at is not None}
        if arrived:
            sentences.append(
                f"Fewest {clock} until {aim:.0%} of the first excess loss is left: "
                f"{min(arrived, key=arrived.__getitem__)}."
            )
    last = min(rows, key=lambda row: row["excess loss at the end"])
    sentences.append(
        f"Nearest to the least-squares solution at the end: {last['way']}, "
        f"{last['excess loss at the end']:.1e} above it."
    )
    data = {"curves": curves, "solution": solution, "lowest": lowest}
    return Outcome(tuple(rows), tuple(sentences), data, tuple(runs))


def _figure(outcome: Outcome) -> Any:
    with styled():
        figure = new_figure(11.4, 4.4)
        sides = figure.subplots(1, 3, sharey=True)
        for axes, clock in zip(sides, ("epochs", "steps", "seconds"), strict=True):
            for index, (way, curve) in enumerate(outcome.data["curves"].items()):
                axes.plot(
                    curve[clock],
                    curve["excess"],
                    STYLES[index] if index < 2 else "-",
                    color=COLORS[index],
                    lw=1.8 if index < 2 else 0.8,
                    zorder=4 - index,
                    label=way,
                )
            if clock != "epochs":
                axes.set_xscale("log")
            axes.set_xlabel(clock)
            axes.grid(color=GRID, lw=0.6)
            axes.set_title(f"By {clock}")
        sides[0].set_yscale("log")
        sides[0].set_ylabel("loss above the least-squares solution")
        sides[0].legend(loc="upper right")
        footer(figure, [" ".join(outcome.sentences)], width=165)
    return figure


RECIPE = Recipe(
    name="linear-5d",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "examples": Number(200, "examples made", quick=96, low=8),
        "least": Number(0.2, "scale of the fifth feature; that of the first is 1", low=0),
        "noise": Number(0.5, "standard deviation of the noise", low=0),
        "epochs": Number(25, "epochs of each training", quick=6, low=1),
        "batch": Number(32, "examples in a mini-batch", low=1),
        "lr_full": Number(0.4, "rate of full-batch descent", low=0),
        "lr_mini": Number(0.1, "rate of mini-batch descent", low=0),
        "lr_one": Number(0.01, "rate of one-example descent", low=0),
        "schedule": Number("constant()", "of the rates; a length of 1 is the whole training"),
        "aim": Number(0.01, "share of the first excess loss whose time is told", low=0),
    },
)
