"""Tests of the rule `step-without-backward`."""

from rules.build import Training, found
from surefoot.facts import Cadence, Calls, MissingGradients


def test_fires() -> None:
    twice = Training().fact(Cadence, "optimizer 0", steps_without_backward=150, first_without_backward=2)
    finding = found("step-without-backward", twice)[0]
    assert finding.severity == "error"
    assert finding.step == 2
    never = Training().fact(Cadence, "optimizer 0", steps_without_backward=300, backwards=0)
    never.fact(MissingGradients, "optimizer 0", steps_without_any=300)
    assert "no gradient at all" in found("step-without-backward", never)[0].title


def test_quiet() -> None:
    assert not found("step-without-backward", Training())


def test_near_miss() -> None:
    # Gradients set by hand: no backward pass is ever seen, yet gradients are always there.
    by_hand = Training().fact(Cadence, "optimizer 0", steps_without_backward=300, backwards=0)
    assert not found("step-without-backward", by_hand)
    # One left-over step at the end of each of ten epochs.
    assert not found(
        "step-without-backward", Training().fact(Cadence, "optimizer 0", steps_without_backward=10)
    )


def test_a_closure_that_never_calls_backward() -> None:
    empty = Training().fact(Cadence, "optimizer 0", backwards=0, closure=True).fact(Calls, backwards=0)
    # It moves all the same: its gradients are set by hand.
    assert not found("step-without-backward", empty)
    empty.scaled("update_norm", 0.0)
    assert found("step-without-backward", empty)
    often = Training().fact(Cadence, "optimizer 0", steps_without_backward=150, closure=True)
    assert not found("step-without-backward", often)
