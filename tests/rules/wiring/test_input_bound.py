"""Tests of the rule `input-bound`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import DataWait

PLACE = "train.py:4: for x, y in loader:"


def waits(**changed: Any) -> Training:
    """A run that waits four times as long for a batch as it works with it."""
    data = {"batches": 200, "waited": 16.0, "wait": 0.08, "work": 0.02, "place": PLACE, **changed}
    return Training().fact(DataWait, PLACE, **data)


def test_fires() -> None:
    (finding,) = found("input-bound", waits())
    assert "80% of the time" in finding.title
    assert finding.where == PLACE
    assert "num_workers=4" in finding.fix
    assert "more than 2 workers" in found("input-bound", waits(workers=2))[0].fix


def test_quiet() -> None:
    assert not found("input-bound", Training())
    assert not found("input-bound", waits(wait=0.002, waited=0.4, work=0.08))


def test_near_miss() -> None:
    # A small model whose batches take a millisecond; the first few batches; a step that takes as long.
    assert not found("input-bound", waits(wait=0.001, waited=0.2, work=0.0005))
    assert not found("input-bound", waits(batches=10))
    assert not found("input-bound", waits(work=0.09))
    assert not found("input-bound", waits(waited=1.5))
