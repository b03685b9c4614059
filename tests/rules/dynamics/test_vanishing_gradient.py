"""Tests of the rule `vanishing-gradient`."""

import numpy as np

from rules.build import Training, flat, found


def test_fires() -> None:
    spoiled = Training(flat()).scaled("grad_norm", np.array([1e-5, 1e-5, 1e-3, 1e-3, 1.0, 1.0]))
    finding = found("vanishing-gradient", spoiled)[0]
    assert finding.where == "fc1.weight"
    assert 0.001 < finding.evidence["factor from layer to layer"] < 0.01


def test_quiet() -> None:
    assert not found("vanishing-gradient", Training())


def test_near_miss() -> None:
    slope = np.array([1e-5, 1e-5, 1e-3, 1e-3, 1.0, 1.0])
    # The loss falls all the same.
    assert not found("vanishing-gradient", Training().scaled("grad_norm", slope))
    # Exactly zero: dead or symmetric units, another fault.
    zero = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
    assert not found("vanishing-gradient", Training(flat()).scaled("grad_norm", zero))
    # A factor of fifty from end to end, as deep nets have it.
    assert not found(
        "vanishing-gradient", Training(flat()).scaled("grad_norm", np.array([0.02, 1, 0.1, 1, 1, 1]))
    )
