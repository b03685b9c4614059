"""Tests of the rule `overfitting`."""

import numpy as np

from rules.build import Training, falling, found
from surefoot.facts import Cadence

AT = [30, 60, 90, 120, 150, 180, 210, 240, 270]


def test_fires() -> None:
    spoiled = Training(falling(1.0, 0.001)).metric(
        "val_loss", [0.9, 0.5, 0.4, 0.36, 0.4, 0.5, 0.55, 0.6, 0.62], AT
    )
    finding = found("overfitting", spoiled)[0]
    assert finding.evidence["best validation loss"] == 0.36
    assert finding.step == 120


def test_quiet() -> None:
    assert not found("overfitting", Training())


def test_near_miss() -> None:
    # Flat and noisy at its best; a rise while the training loss rises too.
    noisy = Training(falling(1.0, 0.001)).metric(
        "val_loss", [0.9, 0.5, 0.36, 0.4, 0.37, 0.41, 0.36, 0.4, 0.38], AT
    )
    assert not found("overfitting", noisy)
    both = Training(np.concatenate([np.linspace(1, 0.2, 120), np.linspace(0.2, 0.8, 180)]))
    both.metric("val_loss", [0.9, 0.5, 0.4, 0.36, 0.4, 0.5, 0.55, 0.6, 0.62], AT)
    assert not found("overfitting", both)


def test_training_losses_count_by_the_example() -> None:
    # Eight undivided micro-batches: a step's loss is eight times what the validation loss is the mean of.
    summed = Training(8 * falling(1.0, 0.05)).metric(
        "val_loss", [0.9, 0.5, 0.4, 0.36, 0.4, 0.5, 0.55, 0.6, 0.62], AT
    )
    assert not found("overfitting", summed)
    summed.fact(Cadence, "optimizer 0", micro_steps=8, root_over_loss=1.0)
    assert found("overfitting", summed)
