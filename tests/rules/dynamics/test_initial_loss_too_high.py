"""Tests of the rule `initial-loss-too-high`."""

from rules.build import Training, found


def test_fires() -> None:
    finding = found("initial-loss-too-high", Training().loss_call(first_value=110.0))[0]
    assert 47 < finding.evidence["ratio"] < 48


def test_quiet() -> None:
    assert not found("initial-loss-too-high", Training())


def test_near_miss() -> None:
    # Twice the guess, as unscaled pixels give; a sum over the batch; a regression whose targets are not
    # centred.
    assert not found("initial-loss-too-high", Training().loss_call(first_value=5.0))
    assert not found("initial-loss-too-high", Training().loss_call(first_value=75.0, reduction="sum"))
    assert not found("initial-loss-too-high", Training().regression(mean=10.0, deviation=1.0))
