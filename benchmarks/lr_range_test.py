"""How good the rates are that range tests suggest: steps to a target, over the steps at the best of a fine sweep.

    python benchmarks/lr_range_test.py [--seeds 3] [--only NAME …] [--write docs/lr-range-test.md]

Ten trainings. Of each, 31 rates from 1e-5 to 10 train for as many steps from the same start. The target lies nine
tenths of the way from the first loss to the lowest that any of them came to; the best rate is there first. Each method
is given the same model, data and optimizer. `pip install torch-lr-finder lightning` sets those two beside it.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import math
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measured import put
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import surefoot as sf

RATES = np.logspace(-5, 1, 31)
METHODS = ("recommended", "steepest", "edge", "minimum / 10", "valley", "curvature")
PEERS = ("torch-lr-finder", "Lightning")


@dataclass
class Training:
    """One training.

    Args:
        model: Fresh.
        loss: Of output and target.
        data: Inputs and targets, those held out behind them.
        optimizer: Its class with all but the rate.
        batch: Examples in a batch.
        steps: How long a rate may take.
        held_out: How many examples at the end are held out.
    """

    model: nn.Module
    loss: Callable[[Tensor, Tensor], Tensor]
    data: tuple[Tensor, Tensor]
    optimizer: Callable[..., torch.optim.Optimizer]
    batch: int
    steps: int = 200
    held_out: int = 200

    @property
    def train(self) -> tuple[Tensor, Tensor]:
        return self.data[0][: -self.held_out], self.data[1][: -self.held_out]

    @property
    def rest(self) -> tuple[Tensor, Tensor]:
        return self.data[0][-self.held_out :], self.data[1][-self.held_out :]


def digits(seed: int) -> tuple[Tensor, Tensor]:
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.data))
    return torch.tensor(data.data[order] / 16, dtype=torch.float32), torch.tensor(data.target[order])


def mlp(*widths: int, activation: Callable[[], nn.Module] = nn.ReLU) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])


def sgd(momentum: float = 0.0) -> Callable[..., torch.optim.Optimizer]:
    return lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=momentum)


def digits_sgd(seed: int) -> Training:
    return Training(mlp(64, 64, 10), nn.functional.cross_entropy, digits(seed), sgd(), 64)


def digits_adamw(seed: int) -> Training:
    return Training(mlp(64, 64, 64, 10), nn.functional.cross_entropy, digits(seed), torch.optim.AdamW, 32)


def convnet(seed: int) -> Training:
    x, y = digits(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(256, 10),
    )  # fmt: skip
    return Training(model, nn.functional.cross_entropy, (x.view(-1, 1, 8, 8), y), sgd(0.9), 64)


def autoencoder(seed: int) -> Training:
    x, _ = digits(seed)
    return Training(
        mlp(64, 32, 8, 32, 64, activation=nn.Tanh), nn.functional.mse_loss, (x, x), torch.optim.Adam, 64
    )


def deep_sigmoid(seed: int) -> Training:
    x, y = digits(seed)
    return Training(
        mlp(64, 32, 32, 10, activation=nn.Sigmoid), nn.functional.cross_entropy, (x, y), sgd(0.9), 64
    )


def line(seed: int) -> Training:
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(240, 1, generator=generator) * 4
    y = 3 * x - 2 + 0.1 * torch.randn(240, 1, generator=generator)
    return Training(nn.Linear(1, 1), nn.functional.mse_loss, (x, y), sgd(), 200, held_out=40)


def diabetes(seed: int) -> Training:
    data = load_diabetes(scaled=False)
    order = np.random.default_rng(seed).permutation(len(data.data))
    x, y = torch.tensor(data.data[order]).float(), torch.tensor(data.target[order]).float().view(-1, 1)
    x, y = (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()
    return Training(nn.Linear(10, 1), nn.functional.mse_loss, (x, y), sgd(), 32, held_out=100)


def cancer(seed: int) -> Training:
    data = load_breast_cancer()
    order = np.random.default_rng(seed).permutation(len(data.data))
    x, y = torch.tensor(data.data[order]).float(), torch.tensor(data.target[order])
    x = (x - x.mean(0)) / x.std(0)
    return Training(mlp(30, 16, 2), nn.functional.cross_entropy, (x, y), torch.optim.RMSprop, 32, 150, 100)


class Adding(nn.Module):
    """A GRU that adds the two marked numbers of a sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(2, 24, batch_first=True)
        self.out = nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.cell(x)[0][:, -1])


def adding(seed: int) -> Training:
    generator = torch.Generator().manual_seed(seed)
    values, marks, rows = torch.rand(1200, 12, generator=generator), torch.zeros(1200, 12), torch.arange(1200)
    first = torch.randint(0, 6, (1200,), generator=generator)
    second = torch.randint(6, 12, (1200,), generator=generator)
    marks[rows, first] = marks[rows, second] = 1.0
    x, y = torch.stack([values, marks], dim=2), (values * marks).sum(1, keepdim=True)
    return Training(Adding(), nn.functional.mse_loss, (x, y), torch.optim.Adam, 32, 200)


class Copying(nn.Module):
    """A transformer's block that gives back the sequence in reverse."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(8, 24)
        self.place = nn.Parameter(0.1 * torch.randn(10, 24))
        self.block = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
        self.out = nn.Linear(24, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.block(self.embed(x) + self.place)).flatten(0, 1)


def by_token(output: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(output, target.flatten())


def transformer(seed: int) -> Training:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 8, (1500, 10), generator=generator)
    return Training(Copying(), by_token, (x, x.flip(1)), torch.optim.AdamW, 32, 200)


TRAININGS: dict[str, tuple[Callable[[int], Training], str]] = {
    "line": (line, "a line, all examples, SGD"),
    "diabetes": (diabetes, "linear regression, SGD"),
    "cancer": (cancer, "tabular network, RMSprop"),
    "digits-sgd": (digits_sgd, "digits, network, SGD"),
    "digits-adamw": (digits_adamw, "digits, network, AdamW"),
    "convnet": (convnet, "digits, convnet with batch norm and dropout, momentum"),
    "deep-sigmoid": (deep_sigmoid, "digits, sigmoids, momentum"),
    "autoencoder": (autoencoder, "digits, autoencoder, Adam"),
    "adding": (adding, "adding problem, GRU, Adam"),
    "transformer": (transformer, "reversing, transformer block, AdamW"),
}


def made(name: str, seed: int) -> Training:
    torch.manual_seed(seed)
    return TRAININGS[name][0](seed)


def losses(training: Training, lr: float, seed: int) -> list[float]:
    """Training loss at each step."""
    torch.manual_seed(seed)
    model = copy.deepcopy(training.model)
    optimizer = training.optimizer(model.parameters(), lr=lr)
    x, y = training.train
    found: list[float] = []
    order: list[Tensor] = []
    for _ in range(training.steps):
        if not order:
            order = list(torch.randperm(len(x)).split(training.batch))
        rows = order.pop()
        optimizer.zero_grad()
        loss = training.loss(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
        if not math.isfinite(found[-1]):
            break
    return found


def smooth(values: Sequence[float]) -> list[float]:
    total = weight = 0.0
    result = []
    for value in values:
        total, weight = 0.9 * total + 0.1 * value, 0.9 * weight + 0.1
        result.append(total / weight)
    return result


def steps_to(values: Sequence[float], target: float) -> int | None:
    return next((k for k, value in enumerate(smooth(values), 1) if value <= target), None)


def torch_lr_finder(training: Training) -> float | None:
    from torch_lr_finder import LRFinder

    model = copy.deepcopy(training.model)
    optimizer = training.optimizer(model.parameters(), lr=1e-6)
    loader = DataLoader(TensorDataset(*training.train), training.batch, shuffle=True)
    finder = LRFinder(model, optimizer, training.loss, device="cpu")
    finder.range_test(loader, end_lr=10, num_iter=100)
    # As its `plot(suggest_lr=True)` does, which draws besides.
    lrs, found = (finder.history[key][10:-5] for key in ("lr", "loss"))
    return float(lrs[int(np.gradient(np.array(found)).argmin())]) if len(found) > 1 else None


def lightning(training: Training) -> float | None:
    import lightning.pytorch as pl
    from lightning.pytorch.tuner import Tuner

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.inner = copy.deepcopy(training.model)
            self.lr = 1e-3

        def training_step(self, batch: Any, _: int) -> Tensor:
            return training.loss(self.inner(batch[0]), batch[1])

        def configure_optimizers(self) -> Any:
            return training.optimizer(self.inner.parameters(), lr=self.lr)

    loader = DataLoader(TensorDataset(*training.train), training.batch, shuffle=True)
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, max_epochs=1000,
    )  # fmt: skip
    found = Tuner(trainer).lr_find(Module(), train_dataloaders=loader)
    return None if found is None else found.suggestion()


def suggested(training: Training, seed: int) -> dict[str, float | None]:
    """The rate of each method."""
    test = sf.find_lr(
        training.model,
        training.loss,
        training.train,
        optimizer=training.optimizer(training.model.parameters(), lr=1e-6),  # no hint
        batch_size=training.batch,
        validate=training.rest,
        confirm=True,
        seed=seed,
        runs=None,
    )
    rates: dict[str, float | None] = {s.method: s.rate for s in test.suggestions}
    rates["recommended"] = test.lr
    for name, find in zip(PEERS, (torch_lr_finder, lightning), strict=True):
        torch.manual_seed(seed)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rates[name] = find(training)
        except ImportError:
            continue
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            rates[name] = None
    return rates


def measured(name: str, seed: int) -> dict[str, Any]:
    """Ratios of one training and seed; infinity where the target was not reached in its steps."""
    training = made(name, seed)
    swept = {float(lr): losses(training, float(lr), seed) for lr in RATES}
    ends = {lr: smooth(found)[-1] for lr, found in swept.items() if math.isfinite(found[-1])}
    first, lowest = next(iter(swept.values()))[0], min(ends.values())
    target = lowest + 0.1 * (first - lowest)
    taken = {lr: steps for lr, found in swept.items() if (steps := steps_to(found, target)) is not None}
    best = min(taken, key=lambda lr: taken[lr])
    ratios: dict[str, float | None] = {}
    rates = suggested(training, seed)
    for method, rate in rates.items():
        steps = None if rate is None else steps_to(losses(training, rate, seed), target)
        ratios[method] = None if rate is None else math.inf if steps is None else steps / taken[best]
    print(name, seed, f"best {best:.3g} in {taken[best]} steps", flush=True)
    for method, rate in rates.items():
        print(f"    {method:16} {rate if rate is None else f'{rate:.3g}'}  {ratios[method]}", flush=True)
    return {"best": best, "steps": taken[best], "ratios": ratios, "rates": rates}


def shown(ratios: Sequence[float | None]) -> str:
    known = [math.inf if ratio is None else ratio for ratio in ratios]
    middle = statistics.median_low(known)
    if middle != math.inf:
        return f"{middle:.1f}"
    return "none" if all(ratio is None for ratio in ratios) else "–"


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    methods = [
        m for m in (*METHODS, *PEERS) if any(m in one["ratios"] for ones in results.values() for one in ones)
    ]
    lines = [
        f"| training | best rate | steps | {' | '.join(methods)} |",
        f"| - | -: | -: |{' -: |' * len(methods)}",
    ]
    within = dict.fromkeys(methods, 0)
    for name, ones in results.items():
        cells = []
        for method in methods:
            ratios = [one["ratios"].get(method) for one in ones]
            cells.append(shown(ratios))
            known = [math.inf if ratio is None else ratio for ratio in ratios]
            within[method] += statistics.median_low(known) <= 2
        best = statistics.median_low([one["best"] for one in ones])
        steps = statistics.median_low([one["steps"] for one in ones])
        lines.append(f"| {TRAININGS[name][1]} | {best:.2g} | {steps} | {' | '.join(cells)} |")
    counted = " | ".join(f"{within[method]} of {len(results)}" for method in methods)
    lines.append(f"| within twice the best | | | {counted} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=TRAININGS, default=list(TRAININGS))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    results = {name: [measured(name, seed) for seed in range(arguments.seeds)] for name in arguments.only}
    if arguments.json:
        arguments.json.write_text(json.dumps(results))
    made_table = table(results)
    print(made_table)
    if arguments.write:
        put(made_table, arguments.write, __file__)


if __name__ == "__main__":
    main()
