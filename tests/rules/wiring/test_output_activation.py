"""Tests of the rule `output-activation`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().regression(chain=["ReluBackward0", "AddmmBackward0"])
    finding = found("output-activation", spoiled)[0]
    assert finding.evidence["out of reach"] == 0.5
    relu = Training().loss_call(chain=["ReluBackward0"], input={"min": 0.0, "max": 4.0})
    assert found("output-activation", relu)[0].severity == "warning"


def test_quiet() -> None:
    assert not found("output-activation", Training())
    assert not found("output-activation", Training().regression())


def test_near_miss() -> None:
    # ReLU for targets that are never negative; sigmoid for targets in [0, 1]; a last linear layer
    # behind the ReLU.
    assert not found("output-activation", Training().regression(mean=3.0, chain=["ReluBackward0"]))
    unit = Training().regression(mean=0.5, deviation=1 / 6, chain=["SigmoidBackward0"])
    assert not found("output-activation", unit)
    assert not found("output-activation", Training().regression(chain=["AddmmBackward0", "ReluBackward0"]))
