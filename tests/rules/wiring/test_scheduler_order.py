"""Tests of the rule `scheduler-order`."""

from rules.build import Training, found
from surefoot.facts import Scaler, Scheduler

RIGHT = {
    "class_name": "StepLR",
    "steps": 300,
    "ahead": 0,
    "before_first_step": False,
    "place": "train.py:9: scheduler.step()",
}


def test_fires() -> None:
    spoiled = Training().fact(Scheduler, "scheduler 0", **{**RIGHT, "ahead": 300, "before_first_step": True})
    assert "300 of 300" in found("scheduler-order", spoiled)[0].title


def test_quiet() -> None:
    assert not found("scheduler-order", Training().fact(Scheduler, "scheduler 0", **RIGHT))


def test_near_miss() -> None:
    # A gradient scaler skipped the first step: the order was right.
    skipped = Training().fact(Scheduler, "scheduler 0", **{**RIGHT, "before_first_step": True, "ahead": 1})
    skipped.fact(Scaler, skipped=1, steps=300, enabled=True)
    assert not found("scheduler-order", skipped)


def test_steps_that_the_scaler_skipped_are_not_counted() -> None:
    ahead = Training().fact(Scheduler, "scheduler 0", **{**RIGHT, "before_first_step": True, "ahead": 300})
    assert not found("scheduler-order", ahead.fact(Scaler, skipped=300, steps=300))
    (finding,) = found("scheduler-order", ahead.fact(Scaler, skipped=20, steps=300))
    assert "280 of 300" in finding.title


def test_before_the_first_step_of_all() -> None:
    first = {**RIGHT, "before_first_step": True}
    assert found("scheduler-order", Training().fact(Scheduler, "scheduler 0", **first))
    # Inside a trainer the order is not the script's.
    trainer = {**first, "place": "train.py:9: trainer.train()"}
    assert not found("scheduler-order", Training().fact(Scheduler, "scheduler 0", **trainer))
