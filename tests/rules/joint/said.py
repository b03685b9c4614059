"""Facts that no rule reads: the report, the verdict or the engine says them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple
from unittest import mock

import torch

from rules.joint.build import Train, classify, labelled, network, train
from rules.joint.models import validated
from surefoot.capture.probes import batch_mixing
from surefoot.clipping import ClipByNorm
from surefoot.errors import StoreError
from surefoot.facts import Clipper, Defect, Fact, Recording, Threads, Unmeasured, ValidationLoss
from surefoot.records import History
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.verdict import judge
from surefoot.rules import diagnose
from surefoot.store.writer import RunWriter


class Said(NamedTuple):
    """A kind, a training that makes it, and whether what reads it says so; a usual training makes no such fact."""

    kind: type[Fact]
    train: Train
    says: Callable[[History], bool]


def clipped() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    ClipByNorm(1.0).attach(optimizer)
    for step in range(8):
        optimizer.zero_grad()
        classify(model, *labelled(step)).backward()
        optimizer.step()


def functional() -> None:
    """Whose gradients torch.func takes: activations and losses are out of sight."""
    weight = torch.zeros(6, 3)
    x, y = labelled(0)
    for _ in range(8):
        weight = weight - 0.1 * torch.func.grad(lambda w: torch.nn.functional.cross_entropy(x @ w, y))(weight)


def two_threads() -> None:
    train(steps=8)()
    other = threading.Thread(target=lambda: classify(network(), *labelled(0)).backward())
    other.start()
    other.join()


def full_disk() -> None:
    """The disk is full for a while."""
    with mock.patch.object(RunWriter, "write", side_effect=StoreError("the disk is full.")):
        train(steps=24)()


def broken() -> None:
    """A part of surefoot has a bug."""
    with mock.patch.object(batch_mixing, "rows", side_effect=ZeroDivisionError("by design")):
        train(steps=8)()


SAID = (
    Said(Clipper, clipped, lambda history: "ClipByNorm" in render(history, ())),
    Said(ValidationLoss, validated(1.0), lambda history: len(history.metric("val_loss")) == 3),
    Said(Unmeasured, functional, lambda history: bool(summary(history, ())["unmeasured"])),
    Said(Threads, two_threads, lambda history: summary(history, ())["unobserved_threads"] == 1),
    Said(Recording, full_disk, lambda history: judge(history, ()).extent == "recording stopped"),
    Said(Defect, broken, lambda history: "defect" in {f.code for f in diagnose(history)}),
)
