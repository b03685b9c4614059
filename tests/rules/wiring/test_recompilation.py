"""Tests of the rule `recompilation`."""

from rules.build import Training, found
from surefoot.facts import Compilation

PLACE = "train.py:6: def forward(self, x):"
REASON = "tensor 'x' size mismatch at index 1. expected 40, actual 41"


def compiled(times: int, limit: int = 8) -> Training:
    return Training().fact(
        Compilation, "forward", function="forward", compiled=times, limit=limit, reason=REASON, place=PLACE
    )


def test_fires() -> None:
    (finding,) = found("recompilation", compiled(8))
    assert "forward was compiled 8 times" in finding.title
    assert REASON in finding.fix
    assert finding.where == PLACE


def test_quiet() -> None:
    assert not found("recompilation", Training())
    assert not found("recompilation", compiled(2))


def test_near_miss() -> None:
    # Train and eval mode, a smaller last batch; a script that allows more.
    assert not found("recompilation", compiled(4))
    assert not found("recompilation", compiled(8, limit=64))
