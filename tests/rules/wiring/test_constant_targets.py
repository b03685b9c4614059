"""Tests of the rule `constant-targets`."""

from rules.build import Training, found
from surefoot.facts import Cadence, LossCall


def test_fires() -> None:
    spoiled = Training().loss_call(
        target={"min": 0.0, "max": 0.0, "mean": 0.0, "std": 0.0}, target_distinct=1
    )
    assert "is 0" in found("constant-targets", spoiled)[0].title


def test_quiet() -> None:
    assert not found("constant-targets", Training())


def test_near_miss() -> None:
    constant = {"target": {"min": 1.0, "max": 1.0, "mean": 1.0, "std": 0.0}, "target_distinct": 1}
    # The ones and zeros of a GAN.
    assert not found("constant-targets", Training().loss_call(**constant).second_player())
    # One call of several, the others varied.
    several = Training().fact(
        LossCall, "train.py:9: ones", function="binary_cross_entropy", count=300, **constant
    )
    assert not found("constant-targets", several)
    # A residual that is to be zero everywhere.
    residual = Training().regression(mean=0.0, deviation=0.0, target_distinct=1)
    assert not found("constant-targets", residual)


def test_a_boundary_condition_is_one_term_of_a_sum() -> None:
    ones = {"target": {"min": 1.0, "max": 1.0, "mean": 1.0, "std": 0.0}, "target_distinct": 1}
    assert found("constant-targets", Training().regression().loss_call(**ones))
    assert not found("constant-targets", Training().regression().loss_call(**ones, batch_size=1))
    term = Training().regression().loss_call(**ones).fact(Cadence, "optimizer 0", root_over_loss=None)
    assert not found("constant-targets", term)


def test_the_place_of_the_positive_is_no_label() -> None:
    """InfoNCE: scores are similarities, as many as other examples, and the positive is the first."""
    zeros = {"target": {"min": 0.0, "max": 0.0, "mean": 0.0, "std": 0.0}, "target_distinct": 1}
    assert not found("constant-targets", Training().loss_call(**zeros, classes=127))
    assert found("constant-targets", Training().loss_call(**zeros, classes=10))
