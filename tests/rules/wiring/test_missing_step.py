"""Tests of the rule `missing-step`."""

from dataclasses import replace

from rules.build import Training, found
from surefoot.facts import Calls, OptimizerCreated, Reach
from surefoot.records import ParameterInfo
from surefoot.rules import diagnose


def test_fires() -> None:
    spoiled = _never_stepped()
    finding = found("missing-step", spoiled)[0]
    assert finding.severity == "error"
    assert "200 times" in finding.title
    assert finding.where == "train.py:7: loss.backward()"


def test_quiet() -> None:
    assert not found("missing-step", Training())


def test_near_miss() -> None:
    # Still running, and a long accumulation may yet step.
    running = _never_stepped()
    running.run = replace(running.run, status="running")
    assert not found("missing-step", running)
    # Functional descent: a new leaf each time.
    functional = _never_stepped()
    functional.parameters = [
        ParameterInfo(i, f"parameter {i}", (3,), is_parameter=False, received=1) for i in range(200)
    ]
    assert not found("missing-step", functional)


def test_one_optimizer_forgotten() -> None:
    training = Training().parameter("critic.weight", received=300)
    training.fact(
        OptimizerCreated,
        "unstepped 0",
        **{"class_name": "SGD", "trainable": 1, "stepped": False, "place": "train.py:9"},
    )
    finding = found("missing-step", training)[0]
    assert finding.where == "train.py:9"
    assert finding.evidence["parameters"] == ["critic.weight"]


def test_the_forgotten_optimizer_explains_what_is_not_optimized() -> None:
    training = Training().parameter("critic.weight", received=0)
    training.fact(Reach, reached_unoptimized=["critic.weight"])
    training.fact(OptimizerCreated, "unstepped 0", **{"class_name": "SGD", "trainable": 1, "stepped": False})
    (main,) = diagnose(training.history)
    assert main.code == "missing-step"
    assert [c.code for c in main.consequences] == ["parameters-not-optimized"]


def _never_stepped() -> Training:
    training = Training().fact(Calls, steps=0, backwards=200)
    training.parameters = [replace(p, optimizer=None) for p in training.parameters]
    return training
