"""Tests of the rule `target-out-of-range`."""

from dataclasses import replace

import pytest

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(function="binary_cross_entropy", target={"min": -1.0, "max": 1.0})
    assert "from -1 to 1" in found("target-out-of-range", spoiled)[0].title


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [
        ("cosine_embedding_loss", 0.0, 1.0),
        ("hinge_embedding_loss", 0.0, 1.0),
        ("margin_ranking_loss", -3.0, 3.0),
        ("soft_margin_loss", 1.0, 2.0),
        ("poisson_nll_loss", -1.0, 8.0),
        ("multilabel_soft_margin_loss", -1.0, 1.0),
    ],
)
def test_each_loss_has_its_domain(function: str, low: float, high: float) -> None:
    spoiled = Training().loss_call(function=function, target={"min": low, "max": high}, integer_target=False)
    assert found("target-out-of-range", spoiled)
    sign = Training().loss_call(function=function, target={"min": 1.0, "max": 1.0}, integer_target=False)
    assert not found("target-out-of-range", sign)


def test_rows_that_are_no_distribution() -> None:
    soft = {"integer_target": False, "target": {"min": 0.0, "max": 1.0}}
    several = Training().loss_call(**soft, target_rowsum_min=2.0, target_rowsum_max=3.0)
    assert "rows sum to 3" in found("target-out-of-range", several)[0].title
    cut = Training().loss_call(**soft, target_rowsum_min=0.6, target_rowsum_max=0.9)
    assert found("target-out-of-range", cut)[0].severity == "warning"
    whole = Training().loss_call(**soft, target_rowsum_min=0.999, target_rowsum_max=1.001)
    assert not found("target-out-of-range", whole)
    logarithms = Training().loss_call(
        function="kl_div", integer_target=False, target={"min": -9.0, "max": -0.1}
    )
    assert found("target-out-of-range", logarithms)
    assert not found("target-out-of-range", logarithms.loss_call(log_target=True))


def test_quiet() -> None:
    assert not found("target-out-of-range", Training())


def test_near_miss() -> None:
    # Smoothed labels, rounding, and the index that is left out of the loss.
    smooth = Training().loss_call(
        function="binary_cross_entropy_with_logits", target={"min": 0.05, "max": 1.0 + 1e-6}
    )
    assert not found("target-out-of-range", smooth)
    ignored = Training().loss_call(target={"min": -100.0, "max": 9.0})
    assert not found("target-out-of-range", ignored)


def test_script_that_dies_of_it() -> None:
    died = Training()
    died.run = replace(died.run, status="failed", error="IndexError: Target 10 is out of bounds.")
    assert found("target-out-of-range", died)[0].evidence["error"].startswith("IndexError")
