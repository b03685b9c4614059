"""Tests of the rule `targets-misaligned`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import TokenTargets


def tokens(**said: Any) -> Training:
    return Training().fact(TokenTargets, "train.py:6", **said)


def test_fires() -> None:
    twice = found("targets-misaligned", tokens(offset=2, agreement=1.0, position=47, depends_on=47))[0]
    assert "2 tokens behind" in twice.title
    copied = found("targets-misaligned", tokens(offset=0, agreement=1.0, position=9, depends_on=9))[0]
    assert "copy" in copied.title
    # The scores were cut at their start: the tensors are equal at 1, the model sees no further than two before.
    cut = tokens(offset=1, agreement=1.0, position=9, depends_on=8)
    assert found("targets-misaligned", cut)


def test_quiet() -> None:
    assert not found("targets-misaligned", tokens(offset=1, agreement=1.0, position=9, depends_on=9))
    assert not found("targets-misaligned", Training())


def test_near_miss() -> None:
    # An autoencoder sees everything; words that were changed are not equal; a delay is a task; nothing was followed.
    assert not found("targets-misaligned", tokens(offset=0, agreement=1.0, position=9, depends_on=15))
    assert not found("targets-misaligned", tokens(offset=0, agreement=0.85, position=9, depends_on=9))
    assert not found("targets-misaligned", tokens(offset=-1, agreement=1.0, position=9, depends_on=9))
    assert not found("targets-misaligned", tokens(offset=2, agreement=1.0))
    # Scores made behind a prefix: equal at 2, and the model sees one further.
    assert not found("targets-misaligned", tokens(offset=2, agreement=1.0, position=9, depends_on=10))
