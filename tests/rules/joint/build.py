"""Data, a loop and a pair of trainings, shared by the tables of this folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from surefoot.capture import recorder
from surefoot.capture.observation import Observation, begin_run
from surefoot.facts import Defect
from surefoot.records import History

Train = Callable[[], None]
Loss = Callable[[nn.Module, Tensor, Tensor], Tensor]
Batch = Callable[[int], tuple[Tensor, Tensor]]

_RANDOM = torch.Generator().manual_seed(0)
INPUTS = torch.randn(256, 6, generator=_RANDOM)
VALUES = INPUTS @ torch.randn(6, 1, generator=_RANDOM) / 2
LABELS = torch.bucketize(VALUES[:, 0], torch.tensor([-0.5, 0.5]))


@dataclass(frozen=True)
class Joint:
    """One rule, a training on which it fires and a twin on which it does not.

    Args:
        code: The rule's.
        name: Which of the rule's ways to fire.
        faulty: Trains with the fault.
        healthy: Trains without it.
    """

    code: str
    name: str
    faulty: Train
    healthy: Train


def observe(folder: Path, train: Train, *, faults: bool = False) -> History:
    """What `surefoot check` would record of a training; one that raises is recorded up to there."""
    torch.manual_seed(0)
    run = Observation(begin_run(__file__, (), ""), runs=folder, every=2, thorough=True)
    run.begin()
    try:
        # Facts are asked for while the training's objects live, as they are in one of more than a second.
        with mock.patch.multiple(recorder, FLUSH_SECONDS=0.0, FACT_SECONDS=0.0), run:
            train()
    except (RuntimeError, IndexError):
        pass
    history = run.history()
    assert history is not None
    assert faults or history.facts(Defect) == ()
    return history


def network(out: int = 3, hidden: int = 12) -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, out))


def labelled(step: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Inputs and three classes that follow from them."""
    at = torch.arange(step * size, (step + 1) * size) * 37 % len(INPUTS)
    return INPUTS[at], LABELS[at]


def valued(step: int, size: int = 16) -> tuple[Tensor, Tensor]:
    """Inputs and one value that follows from them."""
    at = torch.arange(step * size, (step + 1) * size) * 37 % len(INPUTS)
    return INPUTS[at], VALUES[at]


def classify(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def regress(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(model(x), y)


def train(
    loss: Loss = classify,
    model: Callable[[], nn.Module] = network,
    batch: Batch = labelled,
    *,
    steps: int = 24,
    rate: float = 0.1,
) -> Train:
    """The usual loop, as a training to be run."""

    def run() -> None:
        net = model()
        optimizer = torch.optim.SGD(net.parameters(), rate)
        for step in range(steps):
            optimizer.zero_grad()
            loss(net, *batch(step)).backward()
            optimizer.step()

    return run
