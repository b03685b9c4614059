"""Tests of the rule `target-leak`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import TokenTargets


def tokens(**said: Any) -> Training:
    return Training().fact(TokenTargets, "train.py:6", **said)


def test_fires() -> None:
    finding = found("target-leak", tokens(offset=1, agreement=1.0, position=9, depends_on=15))[0]
    assert "up to 15" in finding.title
    assert found("target-leak", tokens(offset=1, agreement=1.0, position=9, depends_on=10))


def test_quiet() -> None:
    assert not found("target-leak", tokens(offset=1, agreement=1.0, position=9, depends_on=9))
    assert not found("target-leak", Training())


def test_near_miss() -> None:
    # An autoencoder; labels that only look like tokens; what was not followed.
    assert not found("target-leak", tokens(offset=0, agreement=1.0, position=9, depends_on=15))
    assert not found("target-leak", tokens(offset=1, agreement=0.6, position=9, depends_on=15))
    assert not found("target-leak", tokens(offset=1, agreement=1.0))
