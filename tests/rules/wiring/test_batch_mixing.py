"""Tests of the rule `batch-mixing`; tests/capture/test_mixing.py goes from trainings to its words."""

from rules.build import Training, found
from surefoot.facts import BatchMixing

MIXED = {
    "mixed": True,
    "operation": "ViewBackward0",
    "place": "train.py:2",
    "own_gradient": 0.0,
    "others_gradient": 0.8,
}


def test_fires() -> None:
    finding = found("batch-mixing", Training().fact(BatchMixing, "Net", **MIXED))[0]
    assert finding.title.startswith("Net mixes the examples of a batch by ViewBackward0")
    assert "%" not in finding.title  # a gradient is no change
    assert finding.evidence["gradient at the other examples"] == 0.8
    assert finding.evidence["gradient at its own"] == 0.0
    assert finding.where == "train.py:2"


def test_quiet() -> None:
    assert not found("batch-mixing", Training())


def test_near_miss() -> None:
    apart = {"mixed": False, "operation": None, "own_gradient": None, "others_gradient": None}
    assert not found("batch-mixing", Training().fact(BatchMixing, "Net", **MIXED | apart))
