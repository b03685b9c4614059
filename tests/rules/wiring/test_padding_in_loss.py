"""Tests of the rule `padding-in-loss`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import TokenTargets


def tokens(**said: Any) -> Training:
    return Training().fact(TokenTargets, "train.py:6", **said)


def test_fires() -> None:
    finding = found("padding-in-loss", tokens(padding=0, padding_share=0.8))[0]
    assert finding.fix == "Give the loss ignore_index=0."
    filled = tokens(filling=3, filling_share=0.4, filled_rows=0.9, filling_elsewhere=0, filling_varies=7)
    assert found("padding-in-loss", filled)


def test_quiet() -> None:
    assert not found("padding-in-loss", tokens(padding=0, padding_share=0.8, ignored=0))
    assert not found("padding-in-loss", Training())


def test_near_miss() -> None:
    assert not found("padding-in-loss", tokens(padding=0, padding_share=0.8, counts_all=False))
    assert not found("padding-in-loss", tokens(padding=0, padding_share=0.1))
    # A token that ends many rows and stands in others too; ends of one length.
    ends = {"filling": 3, "filling_share": 0.4, "filled_rows": 0.9, "filling_varies": 7}
    assert not found("padding-in-loss", tokens(**ends, filling_elsewhere=2))
    assert not found("padding-in-loss", tokens(**{**ends, "filling_varies": 0}, filling_elsewhere=0))
