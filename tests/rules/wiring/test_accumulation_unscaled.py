"""Tests of the rule `accumulation-unscaled`."""

from rules.build import Training, found
from surefoot.facts import Cadence


def test_fires() -> None:
    spoiled = Training().optimizer("SGD").fact(Cadence, "optimizer 0", micro_steps=4, backwards=1200)
    finding = found("accumulation-unscaled", spoiled)[0]
    assert finding.severity == "warning"
    assert "(loss / 4).backward()" in finding.fix
    adam = Training().fact(Cadence, "optimizer 0", micro_steps=4)
    assert found("accumulation-unscaled", adam)[0].severity == "information"


def test_quiet() -> None:
    assert not found("accumulation-unscaled", Training())
    divided = Training().fact(Cadence, "optimizer 0", micro_steps=4, root_over_loss=0.25)
    assert not found("accumulation-unscaled", divided)


def test_near_miss() -> None:
    # Two losses, each with a backward call of its own; LBFGS and its closure; sums over examples.
    for data in ({"backward_places": 2}, {"closure": True}):
        assert not found(
            "accumulation-unscaled", Training().fact(Cadence, "optimizer 0", micro_steps=2, **data)
        )
    summed = Training().loss_call(reduction="sum").fact(Cadence, "optimizer 0", micro_steps=4)
    assert not found("accumulation-unscaled", summed)
