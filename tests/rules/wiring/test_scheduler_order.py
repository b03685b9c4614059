"""Tests of the rule `scheduler-order`."""

from rules.build import Training, found

RIGHT = {"class": "StepLR", "steps": 300, "ahead": 0, "before_first_step": False, "place": "train.py:9"}


def test_fires() -> None:
    spoiled = Training().fact(
        "scheduler", "scheduler 0", **{**RIGHT, "ahead": 300, "before_first_step": True}
    )
    assert "300 of 300" in found("scheduler-order", spoiled)[0].title


def test_quiet() -> None:
    assert not found("scheduler-order", Training().fact("scheduler", "scheduler 0", **RIGHT))


def test_near_miss() -> None:
    # A gradient scaler skipped the first step: the order was right.
    skipped = Training().fact("scheduler", "scheduler 0", **{**RIGHT, "before_first_step": True, "ahead": 1})
    skipped.fact("scaler", "scaler", skipped=1, steps=300, enabled=True)
    assert not found("scheduler-order", skipped)


def test_never_ahead_is_in_order() -> None:
    odd = Training().fact("scheduler", "scheduler 0", **{**RIGHT, "before_first_step": True})
    assert not found("scheduler-order", odd)
