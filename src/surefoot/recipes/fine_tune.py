"""A backbone trained on some digits, tuned to others it has never seen, at rates of its own."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from surefoot.figures.canvas import COLORS, GRID, MARKERS, footer, new_figure, styled
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Number, Options, Outcome, Recipe
from surefoot.recipes.intervals import mean_interval
from surefoot.recipes.training import seeded, train

PAGE = """
A network learns the digits 0 to 5 from some eight hundred images. Then it is to tell 6, 7, 8 and 9 apart and gets a
handful of images of each. Four ways: start anew; keep the backbone frozen and train a new head; train both at one
rate; train the head at that rate and the backbone at a fraction of it. In surefoot the last one is a pattern:
`optimizer("adamw", model, lr=0.01, groups={"backbone.*": {"lr": 0.001}})`.

Each way is repeated over several draws of the few images, the same draws for each, and the table gives means
with 95 % intervals, since with so few images much is luck.

## What to look at

- The old digits: how many are still told apart when the tuned backbone is put back under its old head. A frozen
  backbone forgets nothing, a fast one most, and the fraction lies between: that is what a rate of its own buys.
- The new digits: the interval of a difference, draw by draw, says more than the two means. Where it contains zero,
  these draws cannot tell the two ways apart. Digits are easy and small, so a start from nothing is a hard rival.

## What to change

- `--set shots=1`: one image of each; luck decides.
- `--set steps=10`: hardly any time to tune; what the backbone knows counts for more.
- `--set fraction=0.01`: nearly frozen.
"""

OLD = 6  # digits 0 to 5 are known, 6 to 9 are new
WAYS = ("from nothing", "frozen backbone", "one rate", "two rates")

Sets = tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


class Classifier(nn.Module):
    """A backbone of two convolutions and a head for some classes."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.head = nn.Linear(32 * channels, classes)

    def forward(self, images: Tensor) -> Tensor:  # noqa: D102
        result: Tensor = self.head(self.backbone(images))
        return result


def _digits(options: Options) -> tuple[Sets, tuple[Tensor, Tensor]]:
    """((0 to 4 for training, for the test), 5 to 9 with labels from 0)."""
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 8 - 1
    labels = torch.tensor(digits.target)
    old, new = labels < OLD, labels >= OLD
    order = torch.randperm(int(old.sum()), generator=seeded(options.seed))
    cut = int(0.75 * len(order))
    parts = [(images[old][rows], labels[old][rows]) for rows in (order[:cut], order[cut:])]
    return (parts[0], parts[1]), (images[new], labels[new] - OLD)


def _drawn(images: Tensor, labels: Tensor, shots: int, seed: int) -> Sets:
    """`shots` images of each class to train on, all others for the test."""
    generator = seeded(seed)
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in range(10 - OLD):
        rows = (labels == label).nonzero().flatten()
        chosen[rows[torch.randperm(len(rows), generator=generator)[:shots]]] = True
    return (images[chosen], labels[chosen]), (images[~chosen], labels[~chosen])


def _right(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        return float((model(images).argmax(dim=1) == labels).float().mean())


def _tuned(
    options: Options, way: str, pretrained: Classifier, seed: int, sets: Sets
) -> tuple[Classifier, Any]:
    """A new head on the backbone, trained; the same head and order of data for each way."""
    torch.manual_seed(seed)
    model = Classifier(options.whole("channels"), 10 - OLD)
    if way != "from nothing":
        model.backbone.load_state_dict(pretrained.backbone.state_dict())
    if way == "frozen backbone":
        model.backbone.requires_grad_(False)
    rate = options.number("lr")
    groups = {"backbone.*": {"lr": rate * options.number("fraction")}} if way == "two rates" else None
    training = train(
        options,
        way,
        model,
        nn.CrossEntropyLoss(),
        sets[0],
        optimizer("adamw", model, lr=rate, groups=groups),
        steps=options.whole("steps"),
        batch_size=16,
        seed=seed,
        observe=seed == options.seed,  # the first draw's runs tell what the others' would
    )
    return model, training


def _train(options: Options) -> Outcome:
    (old, old_test), (images, labels) = _digits(options)
    torch.manual_seed(options.seed)
    pretrained = Classifier(options.whole("channels"), OLD)
    first = train(
        options,
        "pretraining",
        pretrained,
        nn.CrossEntropyLoss(),
        old,
        optimizer("adamw", pretrained, lr=options.number("lr")),
        epochs=options.whole("pretrain_epochs"),
        batch_size=32,
    )
    runs: list[Path] = [*first.runs]
    known = _right(pretrained, *old_test)
    new: dict[str, list[float]] = {way: [] for way in WAYS}
    kept: dict[str, list[float]] = {way: [] for way in WAYS}
    for draw in range(options.whole("draws")):
        seed = options.seed + draw
        sets = _drawn(images, labels, options.whole("shots"), seed)
        for way in WAYS:
            model, training = _tuned(options, way, pretrained, seed, sets)
            new[way].append(_right(model, *sets[1]))
            back = copy.deepcopy(pretrained)
            back.backbone.load_state_dict(model.backbone.state_dict())
            kept[way].append(_right(back, *old_test))
            runs += training.runs
    rows = []
    for way in WAYS:
        mean, low, high = mean_interval(new[way])
        rows.append(
            {"way": way, "new digits right": mean, "from (95 %)": low, "to (95 %)": high, "old digits still right":
             float(np.mean(kept[way]))}
        )  # fmt: skip
    sentences = [f"Before tuning the network tells {known:.1%} of the old digits apart."]
    for better, worse in (
        ("one rate", "from nothing"),
        ("two rates", "one rate"),
        ("two rates", "frozen backbone"),
    ):
        mean, low, high = mean_interval(np.subtract(new[better], new[worse]).tolist())
        verdict = "a difference" if low > 0 or high < 0 else "no difference that these draws can show"
        sentences.append(
            f"{better.capitalize()} against {worse}, draw by draw: {100 * mean:+.1f} points ({100 * low:+.1f} to "
            f"{100 * high:+.1f}), {verdict}."
        )
    return Outcome(tuple(rows), tuple(sentences), {"new": new, "kept": kept, "known": known}, tuple(runs))


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    with styled():
        figure = new_figure(10.4, 4.4)
        sides = figure.subplots(1, 2)
        for axes, part, title in zip(
            sides, ("new", "kept"), ("New digits right, %", "Old digits still right, %"), strict=True
        ):
            for place, way in enumerate(WAYS):
                values = 100 * np.array(data[part][way])
                spread = place + np.linspace(-0.14, 0.14, len(values))
                axes.plot(spread, values, MARKERS[place], color=COLORS[place], ms=5, alpha=0.45, mew=0)
                mean, low, high = mean_interval(values.tolist())
                axes.errorbar(place + 0.28, mean, [[mean - low], [high - mean]], fmt="_", color=COLORS[place], ms=12,
                              mew=2.4, capsize=4)  # fmt: skip
            axes.set_xticks(range(len(WAYS)), [way.replace(" ", "\n") for way in WAYS])
            axes.grid(color=GRID, lw=0.6, axis="y")
            axes.set_title(title)
        sides[1].axhline(100 * data["known"], color="black", lw=0.9, ls=":")
        sides[1].text(3.4, 100 * data["known"], "before", va="bottom", ha="right", fontsize=9)
        footer(figure, [" ".join(outcome.sentences[1:])], width=150)
    return figure


RECIPE = Recipe(
    name="fine-tune",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "shots": Number(5, "images of each new digit", low=1),
        "draws": Number(12, "draws of those images", quick=3, low=2),
        "steps": Number(60, "steps of tuning", quick=30, low=1),
        "lr": Number(0.01, "learning rate of the head", low=0),
        "fraction": Number(0.1, "of that rate for the backbone, with two rates", low=0),
        "channels": Number(
            16, "channels of the first convolution; the second has twice as many", quick=8, low=1
        ),
        "pretrain_epochs": Number(12, "epochs on the old digits", quick=5, low=1),
    },
)
