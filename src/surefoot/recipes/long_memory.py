"""A recurrent network whose gradient explodes: nothing, clipping, AutoClip, and an LSTM instead."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.clipping import AutoClip, Clipper
from surefoot.figures.canvas import COLORS, GRID, STYLES, footer, new_figure, styled
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Number, Options, Outcome, Recipe
from surefoot.recipes.deep_sigmoid import smoothed
from surefoot.recipes.training import Training, seeded, train

PAGE = """
The first number of a sequence has to be told at its end; what lies between is faint noise. Whoever answers the mean
of all numbers has a loss of about 1/3, their variance: that is the score of having forgotten. A recurrent network with
ReLU units whose recurrent weights start as a multiple of the identity can hold a number for long, and its
gradient passes through the same weights at each step of the way back: with a multiple a little above 1 it grows by
the same factor each time. One step along such a gradient throws the weights far off.

Four ways, the same data and the same first weights for each, over several seeds: nothing done about it; the
gradient's norm clipped at a bound; AutoClip; and an LSTM, whose gates keep the way back near a factor of 1.

## What to look at

- The gradient norm, on a logarithmic axis: where nothing is done it leaps in the first steps, and what comes after
  is a small gradient in a far-off place, not an arrival. A loss that stays at 1/3 with a small gradient is what an
  explosion leaves behind.
- Clipped, the same network from the same start learns.
- AutoClip judges a norm by those before it, so it needs no bound to be guessed; an explosion in the very first
  steps has none before it, and passes.
- The LSTM needs no clipping. Its forget gates start open for about the length of the sequence.

## What to change

- `--set growth=1`: the plain network trains without help.
- `--set growth=1.1`: the explosion comes at once, and AutoClip too late for it.
- `--set bound=0.1`: a tight bound makes every step the same small length.
"""

WAYS = ("nothing", "clipping by norm", "AutoClip", "LSTM")


def _biases(recurrent: nn.RNNBase) -> list[Tensor]:
    """Both biases, made zero."""
    return [recurrent.get_parameter(name).zero_() for name in ("bias_ih_l0", "bias_hh_l0")]


class Recall(nn.Module):
    """A recurrent network that answers at the end of the sequence.

    Args:
        units: Hidden units.
        growth: The recurrent weights start as this times the identity.
        length: Of the sequences, for the LSTM's gates.
        lstm: An LSTM instead.

    Source: Le, Jaitly, Hinton 2015, arXiv:1504.00941, for the identity; Tallec, Ollivier 2018, arXiv:1804.11188, for
        the LSTM's biases. Differs: each gate gets the whole sequence's length, not one drawn below it.
    """

    def __init__(self, units: int, growth: float, length: int, *, lstm: bool) -> None:
        super().__init__()
        self.recurrent: nn.RNNBase
        if lstm:
            self.recurrent = nn.LSTM(1, units, batch_first=True)
            with torch.no_grad():
                _, back = _biases(self.recurrent)
                open_for = math.log(max(2, length - 1))
                back[units : 2 * units] = open_for  # forget
                back[:units] = -open_for  # input
        else:
            self.recurrent = nn.RNN(1, units, batch_first=True, nonlinearity="relu")
            with torch.no_grad():
                self.recurrent.get_parameter("weight_hh_l0").copy_(growth * torch.eye(units))
                _biases(self.recurrent)
        self.answer = nn.Linear(units, 1)

    def forward(self, sequences: Tensor) -> Tensor:  # noqa: D102
        hidden, _ = self.recurrent(sequences)
        result: Tensor = self.answer(hidden[:, -1])
        return result


def sequences(count: int, length: int, noise: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sequences of shape (count, length, 1) and their first numbers, even in [-1, 1], of shape (count, 1)."""
    inputs = noise * torch.randn(count, length, 1, generator=generator)
    inputs[:, 0] = 2 * torch.rand(count, 1, generator=generator) - 1
    return inputs, inputs[:, 0].clone()


def _clip(options: Options, way: str) -> float | Clipper | None:
    if way == "clipping by norm":
        return options.number("bound")
    return AutoClip(options.number("percentile")) if way == "AutoClip" else None


def _one(options: Options, way: str, seed: int) -> Training:
    length, noise = options.whole("length"), options.number("noise")
    generator = seeded(seed)
    data = sequences(options.whole("examples"), length, noise, generator)
    held_out = sequences(500, length, noise, generator)
    torch.manual_seed(seed)
    lstm = way == "LSTM"
    model = Recall(options.whole("units"), options.number("growth"), length, lstm=lstm)
    kind = "adam" if lstm else "momentum"
    return train(
        options,
        way,
        model,
        nn.MSELoss(),
        data,
        optimizer(kind, model, lr=options.number("lr_lstm" if lstm else "lr")),
        clip=_clip(options, way),
        steps=options.whole("steps"),
        batch_size=32,
        validate=held_out,
        seed=seed,
        run=f"{way}, seed {seed}",
    )


def _train(options: Options) -> Outcome:
    runs: list[Path] = []
    rows: list[dict[str, Any]] = []
    curves: dict[str, Any] = {}
    seeds = range(options.seed, options.seed + options.whole("seeds"))
    forgotten = 1 / 3  # the variance of what is to be told
    for way in WAYS:
        ends, norms = [], []
        for seed in seeds:
            training = _one(options, way, seed)
            history = training.history()
            norm = history.series("grad_norm")
            ends.append(
                float(training.fit.validations[-1]["val_loss"]) if training.fit.validations else math.nan
            )
            norms.append(float(np.nanmax(norm.values)))
            if seed == options.seed:
                curves[way] = (history.series("loss"), norm)
            runs += training.runs
        learned = sum(end < 0.3 * forgotten for end in ends)
        rows.append(
            {
                "way": way,
                "learned": f"{learned} of {len(ends)} seeds",
                "validation loss, median": float(np.median(np.nan_to_num(ends, nan=np.inf))),
                "best": float(np.min(np.nan_to_num(ends, nan=np.inf))),
                "worst": float(np.max(np.nan_to_num(ends, nan=np.inf))),
                "largest gradient norm, median": float(np.median(norms)),
            }
        )
    ends_of = {row["way"]: f"{row['validation loss, median']:.3f}" for row in rows}
    plain, lstm = (rows[place]["largest gradient norm, median"] for place in (0, -1))
    learners = {row["way"]: row["learned"] for row in rows}
    sentences = (
        f"Having forgotten is a loss of {forgotten:.3f}. Median loss at the end: "
        f"{', '.join(f'{way} {end}' for way, end in ends_of.items())}.",
        f"With nothing done the largest gradient norm is {plain:,.0f} (median of the seeds), {plain / lstm:,.0f} times "
        f"the LSTM's.",
        f"Learned: {', '.join(f'{way} {count}' for way, count in learners.items())}.",
    )
    return Outcome(tuple(rows), sentences, {"curves": curves, "forgotten": forgotten}, tuple(runs))


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    with styled():
        figure = new_figure(11.2, 4.7)
        left, right = figure.subplots(1, 2)
        for index, (way, (loss, norm)) in enumerate(data["curves"].items()):
            look = {"color": COLORS[index], "ls": STYLES[index % len(STYLES)], "label": way}
            left.plot(norm.steps, norm.values, lw=1.3, **look)
            right.plot(loss.steps, smoothed(loss.values), lw=1.8, **look)
        right.axhline(data["forgotten"], color="black", lw=0.9, ls=":")
        right.text(
            1,
            data["forgotten"] * 1.05,
            "forgotten",
            fontsize=9,
            ha="right",
            transform=right.get_yaxis_transform(),
        )
        left.set_title("Gradient norm before clipping")
        right.set_title("Training loss, mean of ten steps")
        for axes in (left, right):
            axes.set_yscale("log")
            axes.set_xlabel("step")
            axes.grid(color=GRID, lw=0.6)
        left.legend()
        footer(figure, [" ".join(outcome.sentences)], width=165)
    return figure


RECIPE = Recipe(
    name="long-memory",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "length": Number(40, "numbers in a sequence", low=2),
        "growth": Number(1.03, "the recurrent weights start as this times the identity", low=0),
        "noise": Number(0.02, "standard deviation of what lies between", low=0),
        "units": Number(32, "hidden units", low=1),
        "examples": Number(2000, "sequences to train on", low=32),
        "steps": Number(300, "steps", quick=120, low=1),
        "lr": Number(0.001, "learning rate of the plain network, with momentum 0.9", low=0),
        "lr_lstm": Number(0.01, "learning rate of the LSTM, by Adam", low=0),
        "bound": Number(1.0, "largest norm of clipping by norm", low=0),
        "percentile": Number(10.0, "AutoClip's percentile", low=0),
        "seeds": Number(3, "how many seeds", quick=1, low=1),
    },
)
