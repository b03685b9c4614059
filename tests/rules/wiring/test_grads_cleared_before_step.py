"""Tests of the rule `grads-cleared-before-step`."""

from rules.build import STEP, Training, found
from surefoot.facts import ClearedBeforeStep


def test_fires() -> None:
    spoiled = Training().fact(ClearedBeforeStep, "optimizer 0", count=300)
    finding = found("grads-cleared-before-step", spoiled)[0]
    assert finding.where == STEP
    assert "300 of 300" in finding.title


def test_quiet() -> None:
    assert not found("grads-cleared-before-step", Training())


def test_near_miss() -> None:
    # A loop that drops the gradients of bad batches.
    assert not found("grads-cleared-before-step", Training().fact(ClearedBeforeStep, "optimizer 0", count=40))
