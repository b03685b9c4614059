"""Tests of the rule `frozen-parameters`."""

from rules.build import Training, found


def test_fires() -> None:
    tuned = Training().parameter("fc1.weight", requires_grad=False)
    finding = found("frozen-parameters", tuned)[0]
    assert finding.severity == "information"
    assert finding.evidence["frozen"] == ["fc1.weight"]


def test_quiet() -> None:
    assert not found("frozen-parameters", Training())


def test_near_miss() -> None:
    # Frozen, but not in the optimizer: that is how it is meant to be.
    assert not found("frozen-parameters", Training().parameter("backbone.weight", requires_grad=False))
