"""Tests of the rule `validate-in-train-mode`."""

from rules.build import Training, found
from surefoot.facts import ValidationMode


def test_fires() -> None:
    spoiled = Training().fact(ValidationMode, looked=10, in_train=10, modules=["drop"])
    assert "10 of 10" in found("validate-in-train-mode", spoiled)[0].title


def test_quiet() -> None:
    assert not found("validate-in-train-mode", Training())


def test_near_miss() -> None:
    wrong = {"looked": 10, "in_train": 10, "modules": ["drop"]}
    # Monte Carlo dropout passes the same batch several times.
    assert not found(
        "validate-in-train-mode", Training().fact(ValidationMode, same_input_repeats=True, **wrong)
    )
    # A teacher in every step, without any validation loss: as many forwards as steps.
    teacher = Training().fact(ValidationMode, looked=300, in_train=300, modules=["drop"])
    del teacher.metrics["val_loss"]
    assert not found("validate-in-train-mode", teacher)


def test_dropout_that_never_switches_off() -> None:
    spoiled = Training().fact(ValidationMode, functional_dropout=True)
    assert "self.training" in found("validate-in-train-mode", spoiled)[0].fix
