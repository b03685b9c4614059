"""Tests of the rule `graph-kept`."""

from rules.build import BACKWARD, Training, found
from surefoot.facts import KeptGraphs


def test_fires() -> None:
    held = found("graph-kept", Training().fact(KeptGraphs, held=39, looked=40, place=BACKWARD))[0]
    assert "39 earlier steps" in held.title
    assert held.where == BACKWARD
    assert "sum" in found("graph-kept", Training().fact(KeptGraphs, terms=30, looked=40))[0].title


def test_quiet() -> None:
    assert not found("graph-kept", Training())
    assert not found("graph-kept", Training().fact(KeptGraphs, held=1, terms=0, looked=40))


def test_near_miss() -> None:
    # The last few for a plot; a sum over the parts of one batch.
    assert not found("graph-kept", Training().fact(KeptGraphs, held=8, looked=40))
    assert not found("graph-kept", Training().fact(KeptGraphs, terms=4, looked=40))
