"""What each clipper does to a training: how often it clips, and the validation loss that comes out.

    python benchmarks/clipping_choice.py [--seeds 3] [--write docs/clipping.md]

Small trainings on scikit-learn's handwritten digits, one of them with a batch in 50 spoiled, and a GRU that adds two
marked numbers of a sequence. Every clipper gets the same seeds, settings and steps; none is tuned to a training.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measured import put
from sklearn.datasets import load_digits
from torch import nn

import surefoot as sf

CLIPPERS: dict[str, Callable[[], Any]] = {
    "none": lambda: None,
    "ClipByNorm(1)": lambda: sf.ClipByNorm(1.0),
    "AutoClip(1)": lambda: sf.AutoClip(1),
    "AutoClip(10)": lambda: sf.AutoClip(10),
    "AutoClip(50)": lambda: sf.AutoClip(50),
    "AutoClip(90)": lambda: sf.AutoClip(90),
    "AutoClip(10, window=100)": lambda: sf.AutoClip(10, window=100),
    "AutoClip(10, scope='parameter')": lambda: sf.AutoClip(10, scope="parameter"),
    "AutoClip(10, history='streaming')": lambda: sf.AutoClip(10, history="streaming"),
    "AdaGC()": sf.AdaGC,
    "ZClip()": sf.ZClip,
    "AdaptiveGradientClip(0.01)": lambda: sf.AdaptiveGradientClip(0.01),
    "ClipUpdate()": sf.ClipUpdate,
}


def digits(seed: int, spoil: bool) -> tuple[Any, Callable[[int], Any], Callable[[], float], list[Any]]:
    data = load_digits()
    order = np.random.default_rng(seed).permutation(len(data.data))
    inputs = torch.tensor(data.data[order] / 16, dtype=torch.float32)
    targets = torch.tensor(data.target[order])
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    generator = torch.Generator().manual_seed(seed)

    def loss(step: int) -> Any:
        rows = torch.randint(0, 1400, (32,), generator=generator)
        batch = inputs[rows] * (100.0 if spoil and step % 50 == 49 else 1.0)
        return nn.functional.cross_entropy(model(batch), targets[rows])

    def validation() -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(model(inputs[1400:]), targets[1400:]))

    return model, loss, validation, list(model.parameters())


def adding(seed: int) -> tuple[Any, Callable[[int], Any], Callable[[], float], list[Any]]:
    torch.manual_seed(seed)
    model = nn.ModuleList([nn.GRU(2, 32, batch_first=True), nn.Linear(32, 1)])
    generator = torch.Generator().manual_seed(seed)

    def batch(count: int) -> tuple[Any, Any]:
        values = torch.rand(count, 30, generator=generator)
        marks = torch.zeros(count, 30)
        rows = torch.arange(count)
        first = torch.randint(0, 15, (count,), generator=generator)
        second = torch.randint(15, 30, (count,), generator=generator)
        marks[rows, first] = marks[rows, second] = 1.0
        return torch.stack([values, marks], dim=2), (values * marks).sum(1, keepdim=True)

    def error(count: int) -> Any:
        inputs, targets = batch(count)
        return nn.functional.mse_loss(model[1](model[0](inputs)[0][:, -1]), targets)

    def validation() -> float:
        with torch.no_grad():
            return float(error(1000))

    return model, lambda step: error(32), validation, list(model.parameters())


TRAININGS: dict[str, tuple[Callable[[int], Any], Callable[[Any], Any], int]] = {
    "digits, AdamW 1e-3": (lambda s: digits(s, False), lambda p: torch.optim.AdamW(p, lr=1e-3), 600),
    "digits, SGD 0.5 + momentum": (
        lambda s: digits(s, False),
        lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9),
        600,
    ),
    "spoiled batches, SGD 0.1": (lambda s: digits(s, True), lambda p: torch.optim.SGD(p, lr=0.1), 600),
    "adding GRU, Adam 1e-2": (adding, lambda p: torch.optim.Adam(p, lr=1e-2), 600),
}


def run(training: str, clipper: str, seed: int) -> tuple[float, float]:
    """Validation loss and the share of steps that were clipped."""
    make, optimizer_of, steps = TRAININGS[training]
    _, loss, validation, parameters = make(seed)
    optimizer = optimizer_of(parameters)
    clip = CLIPPERS[clipper]()
    if clip is not None:
        clip.attach(optimizer)
    clipped = 0
    for step in range(steps):
        optimizer.zero_grad()
        loss(step).backward()
        optimizer.step()
        clipped += clip is not None and clip.last.host[2] < 1
    return validation(), clipped / steps


def cell(training: str, clipper: str, seeds: int) -> str:
    """Median and worst loss, and the share of steps clipped; a dash where the optimizer has nothing to clip."""
    if clipper == "ClipUpdate()" and "SGD" in training:
        return "–"
    results = [run(training, clipper, seed) for seed in range(seeds)]
    losses = sorted(loss for loss, _ in results)
    rate = statistics.mean(rate for _, rate in results)
    return f"{statistics.median(losses):.3g} (to {losses[-1]:.3g}), {rate:.0%}"


def table(seeds: int) -> str:
    torch.set_num_threads(1)
    lines = [
        "| clipper | " + " | ".join(TRAININGS) + " |",
        "| - |" + " - |" * len(TRAININGS),
    ]
    for clipper in CLIPPERS:
        cells = [cell(training, clipper, seeds) for training in TRAININGS]
        lines.append(f"| {clipper} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    about = f"Median (and worst) validation loss of {seeds} seeds after 600 steps, and the share of steps clipped."
    return "\n".join([about, "", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--write", type=Path, help="put the table between the marks of this page")
    options = parser.parse_args()
    measured = table(options.seeds)
    if options.write:
        put(measured, options.write, __file__)


if __name__ == "__main__":
    main()
