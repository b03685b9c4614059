"""Tests of the rule `all-parameters-frozen`."""

from dataclasses import replace

from rules.build import SHAPES, Training, found
from surefoot.facts import OptimizerCreated


def test_fires() -> None:
    spoiled = Training()
    for name in SHAPES:
        spoiled.parameter(name, requires_grad=False, received=0)
    finding = found("all-parameters-frozen", spoiled)[0]
    assert "All 6 parameters" in finding.title
    assert finding.where.startswith("train.py:3")


def test_quiet() -> None:
    assert not found("all-parameters-frozen", Training())


def test_near_miss() -> None:
    # A frozen backbone and a head that trains.
    tuned = Training()
    for name in list(SHAPES)[:4]:
        tuned.parameter(name, requires_grad=False, received=0)
    assert not found("all-parameters-frozen", tuned)


def test_script_that_dies_of_it() -> None:
    died = Training().fact(OptimizerCreated, "optimizer 0", trainable=0)
    died.run = replace(
        died.run, status="failed", error="RuntimeError: element 0 of tensors does not require grad"
    )
    assert found("all-parameters-frozen", died)
