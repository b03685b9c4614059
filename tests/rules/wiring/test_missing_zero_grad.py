"""Tests of the rule `missing-zero-grad`."""

from rules.build import Training, found
from surefoot.facts import Clearing


def test_fires() -> None:
    spoiled = Training().fact(
        Clearing, "optimizer 0", cleared=0, uncleared=299, first_uncleared=2, leftover_norm=50.7
    )
    finding = found("missing-zero-grad", spoiled)[0]
    assert finding.severity == "error"
    assert finding.step == 2
    assert "optimizer.step()" in finding.where
    assert finding.evidence["intervals uncleared"] == 299
    assert finding.evidence["optimizer"] == "Adam"


def test_quiet() -> None:
    assert not found("missing-zero-grad", Training())


def test_near_miss() -> None:
    # Once in a while a step is skipped and its gradients stay: three of three hundred.
    assert not found(
        "missing-zero-grad", Training().fact(Clearing, "optimizer 0", uncleared=3, leftover_norm=1.0)
    )
    # Cleared out of sight: what was left over is zero.
    hidden = Training().fact(Clearing, "optimizer 0", cleared=0, uncleared=299, leftover_norm=0.0)
    assert not found("missing-zero-grad", hidden)


def test_cleared_once_an_epoch() -> None:
    epochs = Training().fact(Clearing, "optimizer 0", cleared=9, uncleared=290, leftover_norm=3.0)
    assert "290 of 299" in found("missing-zero-grad", epochs)[0].title
