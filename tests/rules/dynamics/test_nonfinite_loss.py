"""Tests of the rule `nonfinite-loss`."""

import numpy as np

from rules.build import LOSS, Training, falling, flat, found
from surefoot.facts import ManualLoss, Nonfinite, SteepOperation


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


def test_the_operation_that_made_it_its_line_and_its_fix() -> None:
    line = "train.py:26: sin = torch.sqrt(1.0 - cos.pow(2))"
    spoiled = Training(np.concatenate([falling(steps=100), np.full(50, np.nan)]))
    spoiled.fact(Nonfinite, at_step=101, what="parameter", place=LOSS)
    spoiled.fact(
        SteepOperation, "a", operation="SqrtBackward0", detail="a root of zero", least=0.004, line=line
    )
    spoiled.fact(SteepOperation, "b", operation="DivBackward0", detail="a division by zero", least=1e-6)
    finding = found("nonfinite-loss", spoiled)[0]
    assert finding.where == line
    assert "inside the root" in finding.fix
    assert "sum of exp" not in finding.fix
    overflow = Training(np.concatenate([falling(steps=100), np.full(50, np.nan)])).fact(
        Nonfinite,
        operation="LogBackward0",
        detail="logarithm of zero or less, which is a sum of exponentials",
    )
    assert "logsumexp" in found("nonfinite-loss", overflow)[0].fix
    masked = overflow.fact(Nonfinite, masked=True)
    assert "Mask the argument" in found("nonfinite-loss", masked)[0].fix


def test_a_start_explains_nothing_that_came_after_a_good_loss() -> None:
    late = Training(np.concatenate([falling(7.4, 0.2, steps=100), np.full(50, np.nan)]))
    assert "initial-loss-too-high" not in found("nonfinite-loss", late)[0].because
    assert found("nonfinite-loss", late)[0].because
    early = Training(np.concatenate([flat(steps=100), np.full(50, np.nan)]))
    assert not found("nonfinite-loss", early)[0].because
