"""Tests of the rule `ranks-diverged`."""

from rules.build import Training, found
from surefoot.facts import Ranks


def test_fires() -> None:
    spoiled = Training().fact(Ranks, world_size=2, parameters_differ=True, parameter="fc1.weight", at_step=1)
    assert found("ranks-diverged", spoiled)[0].severity == "error"
    same = Training().fact(Ranks, world_size=2, parameters_differ=False, batches_agree=True)
    assert "same batches" in found("ranks-diverged", same)[0].title


def test_quiet() -> None:
    right = Training().fact(Ranks, world_size=2, parameters_differ=False, batches_agree=False)
    assert not found("ranks-diverged", right)


def test_near_miss() -> None:
    # One process alone has nobody to differ from; what was not looked at says nothing.
    assert not found("ranks-diverged", Training().fact(Ranks, world_size=1, batches_agree=True))
    assert not found("ranks-diverged", Training().fact(Ranks, world_size=2, parameters_differ=None))
