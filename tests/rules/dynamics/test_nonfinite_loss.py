"""Tests of the rule `nonfinite-loss`."""

import numpy as np

from rules.build import LOSS, Training, falling, flat, found
from surefoot.facts import ManualLoss, Nonfinite


def test_fires() -> None:
    spoiled = Training(np.concatenate([flat(steps=100), np.full(50, np.nan)]))
    spoiled.fact(Nonfinite, at_step=101, what="loss", operation="LogBackward0", module="Head", place=LOSS)
    finding = found("nonfinite-loss", spoiled)[0]
    assert finding.severity == "error"
    assert finding.step == 101
    assert "LogBackward0 in Head" in finding.title
    assert len(finding.evidence["losses before"]) == 3


def test_quiet() -> None:
    assert not found("nonfinite-loss", Training())


def test_near_miss() -> None:
    # One bad batch of three hundred that the script got over: a warning, no more.
    losses = falling()
    losses[150] = np.inf
    assert found("nonfinite-loss", Training(losses))[0].severity == "warning"
    # Large is not infinite.
    assert not found("nonfinite-loss", Training(np.full(60, 1e30)))


def test_validation_only() -> None:
    spoiled = Training().metric("val_loss", [1.0, np.nan], [10, 20])
    assert found("nonfinite-loss", spoiled)[0].step == 20


def test_logarithm_of_zero_by_hand() -> None:
    spoiled = Training(np.concatenate([flat(steps=100), np.full(50, np.nan)]))
    spoiled.fact(
        ManualLoss, "train.py:9: l", log_of_zero_risk=True, probabilities="sigmoid", place="train.py:9: l"
    )
    assert "logits" in found("nonfinite-loss", spoiled)[0].fix
