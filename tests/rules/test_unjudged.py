"""Tests of what a diagnosis says that it could not look into."""

from __future__ import annotations

import numpy as np

from rules.build import Training, flat
from surefoot.facts import LossCall, Unmeasured
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.text import verdict_text
from surefoot.rules.unjudged import unjudged


def _said(training: Training) -> dict[str, str]:
    return {side.what: side.reason for side in unjudged(training.history)}


def _unvalidated() -> Training:
    training = Training()
    del training.metrics["val_loss"]
    return training


def test_a_whole_training_with_a_validation_leaves_nothing() -> None:
    assert _said(Training()) == {}


def test_no_validation() -> None:
    side = unjudged(_unvalidated().history)[0]
    assert (side.what, side.reason) == ("generalisation", "no validation loss was seen")
    assert "overfitting" in side.rules


def test_too_few_steps_and_losses_that_mean_nothing() -> None:
    assert _said(Training(flat(steps=30)))["progress"] == "30 losses, of 40 that it takes"
    assert _said(Training(flat(steps=60), status="running"))["progress"] == "60 losses, of 100 that it takes"
    signs = np.where(np.arange(300) % 2, -1.0, 1.0)
    assert _said(Training(signs))["progress"] == "the loss changes its sign, or its targets move"


def test_what_was_not_measured() -> None:
    training = Training()
    training.layers.clear()
    training.units.clear()
    assert _said(training)["the size of steps"] == "no step was sampled"
    assert _said(training)["dead and saturated units"] == "no nonlinearity was found in the graph of the loss"
    training.fact(
        Unmeasured, "optimizer 0: sparse", quantities=["norms of each parameter"], reason="they are sparse"
    )
    assert _said(training)["the size of steps"] == "they are sparse"


def test_a_loss_that_is_not_known() -> None:
    training = Training()
    training.facts = {key: fact for key, fact in training.facts.items() if key[0] is not LossCall}
    assert "the loss against a guess" in _said(training)


def test_it_is_said_wherever_a_verdict_is() -> None:
    history = _unvalidated().history
    assert (
        "  not judged   generalisation (no validation loss was seen)"
        in verdict_text(history, ()).splitlines()
    )
    assert summary(history, ())["unjudged"][0]["what"] == "generalisation"
    assert "Not judged: generalisation (no validation loss was seen)." in render(history, ())
