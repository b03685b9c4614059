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
    # A few phases, or each of more steps than the averages reach back: worth knowing, no more.
    phases = Training().fact(OptimizerCreated, "optimizer 0", recreated=5)
    assert found("optimizer-recreated", phases)[0].severity == "information"
    momentum = {"class_name": "SGD", "settings": {"momentum": 0.9}}
    long = Training().fact(OptimizerCreated, "optimizer 0", recreated=9, **momentum)
    assert found("optimizer-recreated", long)[0].severity == "information"


def test_severity_follows_from_what_is_lost() -> None:
    # Adam's averages reach back a thousand steps; each of these optimizers had thirty.
    epochs = Training().fact(OptimizerCreated, "optimizer 0", recreated=9, settings={"betas": [0.9, 0.999]})
    assert found("optimizer-recreated", epochs)[0].severity == "warning"
