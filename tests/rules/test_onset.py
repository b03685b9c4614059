"""Tests of when something began."""

from __future__ import annotations

import numpy as np
import pytest

from rules.build import Training
from surefoot.rules.onset import Onset, onset


def norms(at: int | None, value: float = 8.0, steps: int = 300) -> Training:
    """A run whose gradient norm is 0.8, but for one step."""
    training = Training(steps=steps)
    series = np.full(steps, 0.8)
    if at is not None:
        series[at - 1] = value
    training.series["grad_norm"] = series
    return training


def test_the_whole_gradient_tells_the_step() -> None:
    assert onset(norms(198).history, 200) == Onset(198, None, pytest.approx(10.0))


@pytest.mark.parametrize("at", [None, 170, 201])
def test_nothing_near_before_it(at: int | None) -> None:
    assert onset(norms(at).history, 200) is None


def test_a_gradient_that_is_not_finite_is_out_of_its_level() -> None:
    first = onset(norms(200, float("inf")).history, 200)
    assert first is not None
    assert first.step == 200


def test_too_few_values_are_no_level() -> None:
    assert onset(norms(24).history, 25) is None


def test_the_earlier_of_both_is_told_with_the_parameter() -> None:
    training = norms(199)
    factor = np.ones((len(training.sampled), len(training.parameters)))
    factor[training.sampled == 196, 4] = 20.0
    found = onset(training.scaled("grad_norm", factor).history, 200)
    assert found == Onset(196, "fc3.weight", pytest.approx(20.0))
    later = norms(190)
    assert onset(later.scaled("grad_norm", factor).history, 200) == Onset(
        190, "fc3.weight", pytest.approx(20.0)
    )
