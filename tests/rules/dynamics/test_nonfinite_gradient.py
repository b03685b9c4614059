"""Tests of the rule `nonfinite-gradient`."""

import numpy as np

from rules.build import Training, flat, found
from surefoot.facts import Scaler


def test_fires() -> None:
    finding = found("nonfinite-gradient", _broken(from_step=100))[0]
    assert finding.severity == "error"
    assert finding.step == 101


def test_quiet() -> None:
    assert not found("nonfinite-gradient", Training())


def test_near_miss() -> None:
    # Under a gradient scaler overflow is part of the method.
    scaled = _broken(from_step=100).fact(Scaler, enabled=True)
    assert not found("nonfinite-gradient", scaled)
    # The loss was first: that is for its own rule.
    both = _broken(from_step=100)
    both.losses = np.concatenate([flat(steps=100), np.full(200, np.nan)])
    assert not found("nonfinite-gradient", both)


def _broken(from_step: int) -> Training:
    training = Training()
    training.series["grad_norm"] = np.where(np.arange(300) < from_step, 0.8, np.nan)
    return training


def test_a_norm_that_overflows_is_not_a_gradient_that_does() -> None:
    # Entries of 1e20 are finite, their squares are not in float32: the next loss is finite, and so are the weights.
    large = Training()
    large.series["grad_norm"] = np.array([0.8] * 298 + [1e17, np.inf])
    assert not found("nonfinite-gradient", large)
    once = Training()
    once.series["grad_norm"] = np.array([0.8] * 150 + [np.inf] + [0.8] * 149)
    assert not found("nonfinite-gradient", once)
