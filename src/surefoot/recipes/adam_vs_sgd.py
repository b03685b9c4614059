"""AdamW against SGD with momentum: tuned alike, several seeds, the sharpness of the minima measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from surefoot.figures.canvas import COLORS, GRID, MARKERS, MUTED, footer, new_figure, styled
from surefoot.landscape import Objective, sharpness
from surefoot.optimizers import optimizer
from surefoot.recipes.base import Number, Options, Outcome, Recipe
from surefoot.recipes.cells import Cells
from surefoot.recipes.intervals import mean_interval
from surefoot.recipes.training import run_name, seeded
from surefoot.schedules import cosine
from surefoot.training import fit

PAGE = """
Does SGD with momentum generalise better than Adam? Much has been measured with one of the two better tuned than the
other. Here both get the same: the same network, data, number of steps, cosine schedule and batch size, as many
settings tried for each (five rates times three weight decays), chosen by the validation loss on seeds that are not
used again. Then both train at their own best setting over fresh seeds; each seed draws training, validation and
test images, first weights and order anew, the same for both, so the difference is taken seed by seed.

Where each ends its sharpness is measured: the largest eigenvalue and the trace of the training loss's Hessian.

## What to look at

- The interval of the difference. Where it contains zero, this experiment does not know which is better, and no
  single run of it would.
- The rates: neither optimum may lie at the end of its range, or the comparison is of ranges. The sentences say so
  where one does.
- Sharpness beside test accuracy: flat minima are said to generalise better. The correlation over all runs and within
  each optimizer says what of it is seen here. Sharpness depends on the scale of the weights, which weight decay
  and optimizers treat differently (Dinh et al. 2017, arXiv:1703.04933), so between optimizers it proves little.

## What to change

- `--set train=100`, `--set train=1000`: how much there is to generalise from.
- `--set seeds=30`: the intervals shrink as the root of the number of seeds.
- `--set rates_sgd=0.1`: leave one of the two untuned, and see what is "shown" then.
"""

NAMES = {"AdamW": ("adamw", "rates_adamw", "decays_adamw"), "SGD": ("sgd", "rates_sgd", "decays_sgd")}
_TUNING = 100_000  # seeds of the tuning lie beyond those of the comparison

Sets = tuple[tuple[Tensor, Tensor], ...]


def _drawn(options: Options, seed: int) -> Sets:
    """(images, labels) for training, validation and test, drawn by the seed."""
    digits = load_digits()
    order = torch.randperm(len(digits.target), generator=seeded(seed))
    images = torch.tensor(digits.data, dtype=torch.float32)[order] / 8 - 1
    labels = torch.tensor(digits.target)[order]
    first = options.whole("train")
    second = first + 300
    parts = (slice(first), slice(first, second), slice(second, None))
    return tuple((images[part], labels[part]) for part in parts)


def _cell(
    options: Options, name: str, rate: float, decay: float, seed: int, *, final: bool
) -> dict[str, Any]:
    """Train once; the comparison's own trainings are recorded, tested and their sharpness measured."""
    training, held_out, test = _drawn(options, seed)
    torch.manual_seed(seed)
    units = options.whole("units")
    model = nn.Sequential(nn.Linear(64, units), nn.ReLU(), nn.Linear(units, 10))
    steps = options.whole("steps")
    result = fit(
        model,
        nn.CrossEntropyLoss(),
        training,
        optimizer=optimizer(NAMES[name][0], model, lr=rate, weight_decay=decay),
        schedule=cosine(steps),
        clip=None,
        steps=steps,
        batch_size=32,
        seed=seed,
        observe=final,
        name=run_name(options, f"{name}, seed {seed}"),
        runs=options.runs,
        progress=False,
    )
    model.eval()
    found: dict[str, Any] = {"validation loss": _loss(model, *held_out)}
    if final:
        sharp = sharpness(
            Objective(model, nn.CrossEntropyLoss(), training), products=40, probes=10, seed=seed
        )
        with torch.no_grad():
            right = (model(test[0]).argmax(dim=1) == test[1]).float().mean()
        found |= {
            "test accuracy": float(right),
            "test loss": _loss(model, *test),
            "training loss": sharp.loss,
            "top eigenvalue": sharp.top,
            "trace": sharp.trace,
            "run": str(result.run),
        }
    return found


def _loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    with torch.no_grad():
        found = float(nn.functional.cross_entropy(model(images), labels))
    return found if math.isfinite(found) else math.inf


def _tune(options: Options, cells: Cells, name: str) -> dict[tuple[float, float], float]:
    """(rate, decay) -> mean validation loss over the tuning seeds."""
    _, rates, decays = NAMES[name]
    found = {}
    for rate in options.listed(rates):
        for decay in options.listed(decays):
            losses = []
            for draw in range(options.whole("tuning_seeds")):
                seed = options.seed + _TUNING + draw
                key = f"{name} {rate:g} {decay:g} {seed}"
                cell = cells.get(key)
                if cell is None:
                    cell = _cell(options, name, rate, decay, seed, final=False)
                    cells.add(key, cell)
                losses.append(cell["validation loss"])
            found[rate, decay] = float(np.mean(losses))
    return found


MEASURES = ("test accuracy", "test loss", "training loss", "top eigenvalue", "trace")


def _train(options: Options) -> Outcome:
    shared = {name: value for name, value in options.numbers.items() if name != "seeds"} | {
        "seed": options.seed
    }
    cells = Cells(options.out / "cells.jsonl", shared, resume=options.resume)
    tuned, chosen = {}, {}
    ends: dict[str, list[dict[str, Any]]] = {}
    for name in NAMES:
        tuned[name] = _tune(options, cells, name)
        chosen[name] = min(tuned[name], key=tuned[name].__getitem__)
        ends[name] = []
        for draw in range(options.whole("seeds")):
            seed = options.seed + draw
            key = f"{name} final {chosen[name][0]:g} {chosen[name][1]:g} {seed}"
            cell = cells.get(key)
            if cell is None:
                cell = _cell(options, name, *chosen[name], seed, final=True)
                cells.add(key, cell)
            ends[name].append(cell)
    rows: list[dict[str, Any]] = [
        {"optimizer": name, "lr": chosen[name][0], "weight decay": chosen[name][1]}
        | {measure: spread(cell[measure] for cell in ends[name]) for measure in MEASURES}
        for name in NAMES
    ]
    gaps = {
        measure: [a[measure] - s[measure] for a, s in zip(ends["AdamW"], ends["SGD"], strict=True)]
        for measure in MEASURES
    }
    rows.append(
        {"optimizer": "AdamW less SGD, by seed", "lr": None, "weight decay": None}
        | {measure: spread(gap) for measure, gap in gaps.items()}
    )
    sentences = [_verdict(gaps["test accuracy"]), *_correlations(ends), *_edges(options, chosen)]
    runs = tuple(Path(cell["run"]) for name in NAMES for cell in ends[name])
    return Outcome(tuple(rows), tuple(sentences), {"tuned": tuned, "chosen": chosen, "ends": ends}, runs)


def spread(values: Iterable[float]) -> str:
    """Mean and 95 % interval in words.

    Example:
        >>> spread([0.90, 0.92, 0.94])
        '0.92 (0.87 to 0.97)'
    """
    mean, low, high = mean_interval(list(values))
    return f"{mean:.3g} ({low:.3g} to {high:.3g})"


def _verdict(gaps: Sequence[float]) -> str:
    mean, low, high = (100 * part for part in mean_interval(gaps))
    said = f"AdamW's test accuracy is {mean:+.2f} points from SGD's ({low:+.2f} to {high:+.2f}, {len(gaps)} seeds)"
    if low <= 0 <= high:
        return f"{said}: no difference that these seeds can show."
    return f"{said}: {'AdamW' if mean > 0 else 'SGD'} generalised better here."


def _correlations(ends: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Sharpness against test accuracy, over all runs and within each optimizer, by ranks."""
    from scipy.stats import spearmanr

    groups = {"over all runs": [cell for cells in ends.values() for cell in cells]}
    groups |= {f"within {name}": cells for name, cells in ends.items()}
    parts = []
    for where, cells in groups.items():
        if len(cells) > 2:
            found = spearmanr([c["top eigenvalue"] for c in cells], [c["test accuracy"] for c in cells])
            parts.append(f"{found.statistic:+.2f} {where} (p = {found.pvalue:.2g})")
    means = {name: np.mean([cell["top eigenvalue"] for cell in cells]) for name, cells in ends.items()}
    sharper = max(means, key=means.__getitem__)
    sentences = [
        f"{sharper} ends in the sharper minima: top eigenvalue {means[sharper]:.3g} against {min(means.values()):.3g}."
    ]
    if parts:
        sentences.append(f"Rank correlation of top eigenvalue and test accuracy: {', '.join(parts)}.")
    return sentences


def _edges(options: Options, chosen: dict[str, tuple[float, float]]) -> list[str]:
    found = []
    for name, (rate, decay) in chosen.items():
        for what, value, tried in (
            ("rate", rate, options.listed(NAMES[name][1])),
            ("weight decay", decay, options.listed(NAMES[name][2])),
        ):
            if len(tried) > 1 and value in (min(tried), max(tried)):
                found.append(f"The best {what} of {name}, {value:g}, lies at the end of what was tried.")
    return found


def _figure(outcome: Outcome) -> Any:
    data = outcome.data
    with styled():
        figure = new_figure(11.6, 4.5)
        tuning, pairs, sharp = figure.subplots(1, 3)
        for index, (name, losses) in enumerate(data["tuned"].items()):
            look = {"color": COLORS[index], "marker": MARKERS[index]}
            rates = sorted({rate for rate, _ in losses})
            best = [min(loss for (r, _), loss in losses.items() if r == rate) for rate in rates]
            tuning.plot(rates, best, "-", lw=1.6, label=f"{name}, best decay at each rate", **look)
            rate = data["chosen"][name]
            tuning.plot(rate[0], losses[rate], "*", color=COLORS[index], mec="black", ms=15)
            ends = data["ends"][name]
            accuracy = [100 * cell["test accuracy"] for cell in ends]
            sharp.plot(
                [cell["top eigenvalue"] for cell in ends], accuracy, ls="none", label=name, ms=6, **look
            )
        both = [[100 * cell["test accuracy"] for cell in data["ends"][name]] for name in NAMES]
        for pair in zip(*both, strict=True):
            pairs.plot((0, 1), pair, "-", color=MUTED, lw=0.8, alpha=0.6)
        for place, values in enumerate(both):
            pairs.plot([place] * len(values), values, MARKERS[place], color=COLORS[place], ms=6)
            mean, low, high = mean_interval(values)
            side = place + (0.15 if place else -0.15)
            pairs.errorbar(
                side, mean, [[mean - low], [high - mean]], fmt="_", color="black", ms=10, capsize=4
            )
        tuning.set_xscale("log")
        tuning.set_yscale("log")
        tuning.set_xlabel("learning rate")
        tuning.set_title("Validation loss while tuning")
        tuning.legend(fontsize=8)
        pairs.set_xticks((0, 1), list(NAMES))
        pairs.set_xlim(-0.5, 1.5)
        pairs.set_title("Test accuracy by seed, %")
        sharp.set_xlabel("largest eigenvalue of the Hessian")
        sharp.set_title("Sharpness and test accuracy, %")
        sharp.legend()
        for axes in (tuning, pairs, sharp):
            axes.grid(color=GRID, lw=0.6)
        footer(figure, [" ".join(outcome.sentences[:3])], width=165)
    return figure


RECIPE = Recipe(
    name="adam-vs-sgd",
    page=PAGE,
    train=_train,
    figure=_figure,
    numbers={
        "train": Number(300, "images trained on", low=32),
        "units": Number(64, "hidden units", quick=16, low=1),
        "steps": Number(400, "steps of each training", quick=40, low=1),
        "seeds": Number(12, "seeds of the comparison", quick=3, low=2),
        "tuning_seeds": Number(2, "seeds of the tuning", quick=1, low=1),
        "rates_adamw": Number("0.001,0.003,0.01,0.03,0.1", "rates tried for AdamW", quick="0.003,0.01"),
        "decays_adamw": Number("0.01,0.1,1", "weight decays tried for AdamW", quick="0.01,0.1"),
        "rates_sgd": Number("0.003,0.01,0.03,0.1,0.3", "rates tried for SGD", quick="0.03,0.1"),
        "decays_sgd": Number("0.0001,0.001,0.01", "weight decays tried for SGD", quick="0.001,0.01"),
    },
    resumable=True,
)
