"""Tests of the rule `saturated-units`."""

from rules.build import Training, falling, flat, found
from surefoot.records import ActivationInfo
from surefoot.rules import diagnose


def test_fires() -> None:
    spoiled = _tanh(Training(flat()))
    spoiled.units["saturated_share"][:, 0] = 0.95
    finding = found("saturated-units", spoiled)[0]
    assert finding.where == "tanh after fc1.weight"


def test_quiet() -> None:
    assert not found("saturated-units", _tanh(Training()))


def test_near_miss() -> None:
    # The loss falls all the same.
    falls = _tanh(Training())
    falls.units["saturated_share"][:, 0] = 0.95
    assert not found("saturated-units", falls)
    # A sure classifier saturates its last activation.
    last = _tanh(Training(flat()))
    last.units["saturated_share"][:, 1] = 0.99
    assert not found("saturated-units", last)


def _tanh(training: Training) -> Training:
    training.activations = [
        ActivationInfo(0, "tanh after fc1.weight", "tanh", 64),
        ActivationInfo(1, "sigmoid after fc3.weight", "sigmoid", 10),
    ]
    return training


def test_saturated_from_the_first_look() -> None:
    slow = _tanh(Training(falling(2.3, 1.2)))
    slow.units["saturated_share"][:, 0] = 0.95
    assert found("saturated-units", slow)
    slow.units["saturated_share"][:10, 0] = 0.1
    assert not found("saturated-units", slow)


def test_saturated_from_the_first_look_explains_steep_gradients() -> None:
    wide = _tanh(Training(flat(0.4)).regression(deviation=0.7).scaled("grad_norm", 2000.0))
    wide.units["saturated_share"][:, 0] = 0.95
    (main,) = diagnose(wide.history)
    assert main.code == "saturated-units"
    assert "exploding-gradient" in [c.code for c in main.consequences]
