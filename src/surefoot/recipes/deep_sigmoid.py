"""A deep sigmoid network whose gradient vanishes, and each cure alone and together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from surefoot.errors import SettingError
from surefoot.figures.animation.scenes import Scene, curves_scene, path_scene
from surefoot.figures.canvas import COLORS, GRID, INK, MARKERS, MUTED, STYLES, footer, new_figure, styled
from surefoot.landscape import Objective
from surefoot.norms import per_parameter_norms
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Landscape, Number, Options, Outcome, Recipe
from surefoot.recipes.digits import accuracy, split_digits
from surefoot.recipes.training import Training, train
from surefoot.surfaces import Floats

PAGE = """
Ten sigmoid layers between the handwritten digits and their classes do not learn. The slope of a sigmoid is at
most 1/4, and torch's own initialisation draws weights of variance 1 / (3 n), so going back through one layer of
n units multiplies the gradient by about 1/4 · 1/√3 = 0.14. After nine layers a hundred-millionth is left for the
first. Each cure raises that factor: activations of slope 1 (ReLU), a way around each layer (residual), inputs
kept where the sigmoid is steep (normalisation), larger first weights (Xavier, He); and all of them together.

## What to look at

- The gradient norm of each layer at the very first step, on a logarithmic axis: a straight line, since each layer
  takes the same factor. Its steepness is that factor.
- What trains: the plain network stays at the 10 % of guessing. Larger weights alone bring the gradient up by orders
  of magnitude and still do not train ten sigmoid layers; ReLU with weights drawn for a sigmoid lets the signal fade
  on its way forward. A cure may be real and not be enough; ReLU with He's weights is.
- `surefoot doctor` on the run of the plain network says what is wrong with it in words.

## What to change

- `--set depth=4`: the plain network trains again.
- `--set lr=1`: a higher rate does not help where the first layers get nothing.
- `--set shown=together`: which network `surefoot landscape deep-sigmoid` and `surefoot animate deep-sigmoid` draw;
  `sigmoid`, on its plateau, is drawn by default.
"""


@dataclass(frozen=True)
class Variant:
    """What a network is made of.

    Args:
        relu: ReLU instead of the sigmoid.
        residual: Each layer adds to what comes in.
        normalized: Batch norm before the activation.
        initialization: "default" is torch's own; "xavier", "he".
    """

    relu: bool = False
    residual: bool = False
    normalized: bool = False
    initialization: str = "default"


VARIANTS = {
    "sigmoid": Variant(),
    "Xavier": Variant(initialization="xavier"),
    "He": Variant(initialization="he"),
    "ReLU": Variant(relu=True),
    "residual": Variant(residual=True),
    "normalisation": Variant(normalized=True),
    "ReLU and He": Variant(relu=True, initialization="he"),
    "together": Variant(relu=True, residual=True, normalized=True, initialization="he"),
}


class Layer(nn.Module):
    """Linear, perhaps normalised, activation, perhaps around itself."""

    def __init__(self, variant: Variant, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.normalize = nn.BatchNorm1d(width) if variant.normalized else nn.Identity()
        self.activate = nn.ReLU() if variant.relu else nn.Sigmoid()
        self.residual = variant.residual
        _initialize(self.linear, variant.initialization)

    def forward(self, hidden: Tensor) -> Tensor:  # noqa: D102
        out: Tensor = self.activate(self.normalize(self.linear(hidden)))
        return hidden + out if self.residual else out


def _initialize(linear: nn.Linear, kind: str) -> None:
    """Xavier: variance 1 / n (Glorot, Bengio 2010); He: 2 / n (He et al. 2015, arXiv:1502.01852); n in = n out."""
    if kind == "xavier":
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
    elif kind == "he":
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)


def network(variant: Variant, depth: int, width: int, seed: int) -> nn.Sequential:
    """64 pixels brought to `width`, `depth` layers, 10 classes."""
    torch.manual_seed(seed)
    first = nn.Linear(64, width), nn.ReLU() if variant.relu else nn.Sigmoid()
    layers = [Layer(variant, width) for _ in range(depth)]
    return nn.Sequential(*first, *layers, nn.Linear(width, 10))


def layer_norms(model: nn.Sequential, images: Tensor, labels: Tensor) -> Floats:
    """Gradient norm of each layer's weights for one batch, from the first to the last; the model stays as it is."""
    weights = [layer.linear.weight for layer in model if isinstance(layer, Layer)]
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    loss = nn.functional.cross_entropy(model(images), labels)
    gradients = torch.autograd.grad(loss, weights)
    for name, value in model.named_buffers():  # batch norm counted the batch
        value.copy_(buffers[name])
    return per_parameter_norms(gradients).double().numpy()


def _train_one(
    options: Options, name: str, sets: tuple[tuple[Tensor, Tensor], ...]
) -> tuple[Training, Floats]:
    model = network(VARIANTS[name], options.whole("depth"), options.whole("width"), options.seed)
    images, labels = sets[0]
    norms = layer_norms(model, images[:256], labels[:256])
    training = train(
        options,
        name,
        model,
        nn.CrossEntropyLoss(),
        sets[0],
        optimizer("momentum", model, lr=options.number("lr")),
        epochs=options.whole("epochs"),
        batch_size=64,
        validate=sets[1],
        metrics={"accuracy": accuracy},
    )
    return training, norms


def _train(options: Options) -> Outcome:
    sets = split_digits(options)
    depth = options.whole("depth")
    rows: list[dict[str, Any]] = []
    runs: list[Path] = []
    norms, curves = {}, {}
    for name in VARIANTS:
        training, norms[name] = _train_one(options, name, sets)
        curves[name] = training.fit.losses
        share = float(norms[name][0] / norms[name][-1])
        rows.append(
            {
                "network": name,
                "first / last layer": share,
                "factor of a layer": share ** (1 / (depth - 1)),
                "last training loss": float(training.fit.losses[-10:].mean()),
                "validation accuracy": float(training.fit.validations[-1]["val_accuracy"]),
                "found": ", ".join(finding.code for finding in training.fit.findings) or "nothing",
            }
        )
        runs += training.runs
    plain, *cures = rows
    expected = 1 / (4 * math.sqrt(3))
    raised = [row["network"] for row in cures if row["factor of a layer"] > plain["factor of a layer"]]
    trained = [row["network"] for row in cures if row["validation accuracy"] > 0.8]
    best = max(rows, key=lambda row: row["validation accuracy"])
    sentences = (
        f"In the plain network each layer takes the gradient times {plain['factor of a layer']:.3f} (1 / (4 √3) = "
        f"{expected:.3f}): of the last layer's gradient {plain['first / last layer']:.1e} is "
        "left for the first.",
        f"{len(raised)} of {len(cures)} cures raise that factor; {', '.join(trained) or 'none'} "
        f"{'trains' if len(trained) == 1 else 'train'} past 80 % in {options.whole('epochs')} epochs.",
        f"The plain network gets {plain['validation accuracy']:.0%} of the validation images right, "
        f"{best['network']} {best['validation accuracy']:.0%}.",
    )
    return Outcome(tuple(rows), sentences, {"norms": norms, "curves": curves}, tuple(runs))


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    with styled():
        figure = new_figure(11.2, 4.9)
        left, right = figure.subplots(1, 2)
        for index, name in enumerate(VARIANTS):
            look = {
                "color": (*COLORS, MUTED, INK)[index],
                "ls": STYLES[index % len(STYLES)],
                "lw": 2.6 if name in ("sigmoid", "together") else 1.5,
                "label": name,
            }
            norms, losses = data["norms"][name], data["curves"][name]
            marker = (*MARKERS, "X", "*")[index]
            left.plot(np.arange(1, len(norms) + 1), norms, marker=marker, ms=5, mec="white", mew=0.6, **look)
            right.plot(np.arange(1, len(losses) + 1), smoothed(losses), **look)
        left.set_yscale("log")
        left.set_xlabel("layer")
        left.set_ylabel("gradient norm of its weights")
        left.set_title("Gradient at the first step")
        right.set_yscale("log")
        right.set_xlabel("step")
        right.set_ylabel("training loss")
        right.set_title("What that does to the training")
        for axes in (left, right):
            axes.grid(color=GRID, lw=0.6)
        left.legend(loc="lower right", ncols=2)
        footer(figure, [" ".join(outcome.sentences[:2])], width=165)
    return figure


def smoothed(losses: Floats, window: int = 10) -> Floats:
    """Mean over the last `window` steps at each step.

    Example:
        >>> smoothed(np.array([4.0, 2.0, 0.0]), 2)
        array([4., 3., 1.])
    """
    sums = np.cumsum(np.concatenate([[0.0], losses]))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(ends - window, 0)
    means: Floats = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def _chosen(options: Options) -> tuple[Training, tuple[tuple[Tensor, Tensor], ...]]:
    name = str(options.numbers["shown"])
    if name not in VARIANTS:
        raise SettingError(f"shown = {name} is no network of deep-sigmoid; it has {', '.join(VARIANTS)}.")
    sets = split_digits(options)
    return _train_one(options, name, sets)[0], sets


def _shown(options: Options) -> Landscape:
    training, sets = _chosen(options)
    return Landscape(
        Objective(training.fit.model, nn.CrossEntropyLoss(), sets[0]),
        (training.trajectory,),
        title=f"The path of {training.trajectory.name} on its own plane",
    )


def _scene(kind: str, options: Options, frames: int) -> Scene:
    if kind == "path":
        return path_scene(_shown(options).surface(31), frames=frames)
    training, _ = _chosen(options)
    history = training.history()
    title = f"deep-sigmoid: {training.trajectory.name}"
    return curves_scene(history.series("loss"), history.series("grad_norm"), frames=frames, title=title)


RECIPE = Recipe(
    name="deep-sigmoid",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "depth": Number(10, "layers between the first and the last", low=2),
        "width": Number(64, "units of a layer", quick=32, low=2),
        "epochs": Number(15, "epochs", quick=6, low=1),
        "lr": Number(0.05, "learning rate, with momentum 0.9", low=0),
        "train": Number(1149, "examples trained on, at most 1149", quick=600, low=64),
        "shown": Number("sigmoid", "the network of landscape and animation"),
    },
    landscape=_shown,
    scenes={kind: partial(_scene, kind) for kind in ("curves", "path")},
)
