"""Tests of the rule `optimizer-recreated`."""

from rules.build import Training, found
from surefoot.facts import OptimizerCreated


def test_fires() -> None:
    finding = found("optimizer-recreated", Training().fact(OptimizerCreated, "optimizer 0", recreated=299))[0]
    assert finding.severity == "warning"
    assert "300 times" in finding.title


def test_quiet() -> None:
    assert not found("optimizer-recreated", Training())


def test_near_miss() -> None:
    # SGD without momentum has no state to lose; two phases are two optimizers.
    plain = Training().fact(
        OptimizerCreated, "optimizer 0", recreated=299, settings={"momentum": 0}, **{"class_name": "SGD"}
    )
    assert not found("optimizer-recreated", plain)
    assert not found("optimizer-recreated", Training().fact(OptimizerCreated, "optimizer 0", recreated=1))
    # Once an epoch: worth knowing, no more.
    epochs = Training().fact(OptimizerCreated, "optimizer 0", recreated=9)
    assert found("optimizer-recreated", epochs)[0].severity == "information"
