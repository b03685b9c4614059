"""Tests of the rule `grads-cleared-before-step`."""

from rules.build import STEP, Training, found
from surefoot.facts import Cadence, ClearedBeforeStep, OptimizerCreated, Scaler


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


def test_cleared_in_every_micro_batch() -> None:
    wasted = {"backwards": 16 * 300, "cleared_unused": 15 * 300, "root_over_loss": 1 / 16}
    finding = found("grads-cleared-before-step", Training().fact(Cadence, "optimizer 0", **wasted))[0]
    assert "each 16th" in finding.title
    # The first backward of two lines may be for an attack on the inputs; closures are evaluated at will.
    attack = Training().fact(Cadence, "optimizer 0", backwards=600, cleared_unused=300, backward_places=2)
    assert not found("grads-cleared-before-step", attack)
    searched = Training().fact(Cadence, "optimizer 0", backwards=600, cleared_unused=300, closure=True)
    assert not found("grads-cleared-before-step", searched)


def test_steps_that_a_scaler_skips_were_called() -> None:
    overflowed = Training().fact(Cadence, "optimizer 0", backwards=900, cleared_unused=600)
    assert found("grads-cleared-before-step", overflowed)
    assert not found("grads-cleared-before-step", overflowed.fact(Scaler, skipped=600, steps=900))


def test_what_another_optimizer_of_the_same_parameters_steps_with_is_used() -> None:
    """Adam, then SGD for the end: each sees the backwards of the other's steps cleared."""
    second = Training().fact(Cadence, "optimizer 0", steps=100, backwards=300, cleared_unused=200)
    assert found("grads-cleared-before-step", second)
    second.fact(OptimizerCreated, "optimizer 0", same_parameters_as=1)
    second.fact(OptimizerCreated, "optimizer 1", same_parameters_as=0)
    second.fact(Cadence, "optimizer 1", steps=200, backwards=300, cleared_unused=100)
    assert not found("grads-cleared-before-step", second)
