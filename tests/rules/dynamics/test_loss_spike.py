"""Tests of the rule `loss-spike`."""

import numpy as np

from rules.build import Training, falling, found


def test_fires() -> None:
    spoiled = Training(_spiked(back=False))
    finding = found("loss-spike", spoiled)[0]
    assert finding.severity == "warning"
    assert finding.step == 201


def test_what_moved_first_is_told() -> None:
    spoiled = Training(_spiked(back=True))
    factor = np.ones((len(spoiled.sampled), len(spoiled.parameters)))
    factor[spoiled.sampled == 191, 2] = 8.0
    factor[spoiled.sampled >= 196] = 30.0
    spoiled.scaled("update_norm", factor)
    evidence = found("loss-spike", spoiled)[0].evidence
    assert (evidence["first bad step"], evidence["steps ahead"]) == (191, 10)
    assert evidence["parameter"] == "fc2.weight"


def test_nothing_is_told_of_what_stayed_at_its_level() -> None:
    assert "first bad step" not in found("loss-spike", Training(_spiked(back=True)))[0].evidence
    twice = Training(_spiked(back=True)).scaled("update_norm", 2.0)
    assert "first bad step" not in found("loss-spike", twice)[0].evidence


def test_quiet() -> None:
    assert not found("loss-spike", Training())


def test_near_miss() -> None:
    # It came back: worth knowing, no more.
    assert found("loss-spike", Training(_spiked(back=True)))[0].severity == "information"
    # A restart: the rate jumped with it.
    restart = Training(_spiked(back=False))
    restart.series["lr"] = np.where(np.arange(300) < 200, 1e-4, 1e-2)
    assert not found("loss-spike", restart)
    # Noise of a loss near zero is no spike.
    near_zero = np.abs(np.random.default_rng(0).standard_normal(300)) * 1e-4
    near_zero[:40] = np.linspace(2.3, 1e-3, 40)
    assert not found("loss-spike", Training(near_zero))


def _spiked(back: bool) -> np.ndarray:
    losses = falling(end=0.5)
    losses[200:] = losses[200:] + (np.where(np.arange(100) < 1, 5.0, 0.0) if back else 5.0)
    return losses
