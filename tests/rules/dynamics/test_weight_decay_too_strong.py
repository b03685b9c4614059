"""Tests of the rule `weight-decay-too-strong`."""

import numpy as np

from rules.build import Training, flat, found


def test_fires() -> None:
    finding = found(
        "weight-decay-too-strong", _shrinking(Training(flat()).optimizer("SGD", weight_decay=0.5))
    )[0]
    assert "0.5 is too strong" in finding.title
    assert finding.evidence["weights now"] < 0.3 * finding.evidence["weights at the start"]


def test_quiet() -> None:
    assert not found("weight-decay-too-strong", Training().optimizer("SGD", weight_decay=5e-4))


def test_near_miss() -> None:
    # Weights that shrink in a training that gets on; and a usual decay next to another trouble.
    assert not found("weight-decay-too-strong", _shrinking(Training().optimizer("SGD", weight_decay=0.5)))
    usual = _shrinking(Training(flat()).optimizer("SGD", weight_decay=1e-4))
    assert not found("weight-decay-too-strong", usual)


def _shrinking(training: Training) -> Training:
    return training.scaled("param_norm", np.geomspace(1.0, 0.1, len(training.sampled))[:, None])
