"""Tests of the rule `dead-units`."""

import numpy as np

from rules.build import Training, flat, found
from surefoot.records import ActivationInfo
from surefoot.rules import diagnose


def test_fires() -> None:
    spoiled = Training(flat())
    spoiled.units["dead_share"][:, 1] = np.linspace(0.1, 1.0, len(spoiled.sampled)) ** 0.1
    spoiled.units["dead_share"][-5:, 1] = 1.0
    finding = found("dead-units", spoiled)[0]
    assert finding.severity == "error"
    assert finding.where == "relu after fc2.weight"


def test_quiet() -> None:
    assert not found("dead-units", Training())


def test_near_miss() -> None:
    # Sparse, and it works.
    sparse = Training()
    sparse.units["dead_share"][:, 0] = 0.7
    assert not found("dead-units", sparse)
    # A layer of one unit, and a bounded activation whose units are never "off".
    small = Training(flat())
    small.units["dead_share"][:] = 1.0
    small.activations = [
        ActivationInfo(0, "relu after fc1.weight", "relu", 1),
        ActivationInfo(1, "sigmoid after fc2.weight", "sigmoid", 64),
    ]
    assert not found("dead-units", small)


def test_dead_from_the_start_is_not_the_rate() -> None:
    born = Training(flat(2.6)).optimizer("SGD", lr=5.0).scaled("update_norm", 100.0)
    born.units["dead_share"][:] = 1.0
    assert "lr-too-high" not in found("dead-units", born)[0].because
    died = Training(flat(2.6)).optimizer("SGD", lr=5.0).scaled("update_norm", 100.0)
    died.units["dead_share"][10:] = 1.0
    main = diagnose(died.history)[0]
    assert main.code == "lr-too-high"
    assert "dead-units" in [c.code for c in main.consequences]
