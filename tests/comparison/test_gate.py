"""`--fail-if-worse`: which loss, by how much."""

from __future__ import annotations

import numpy as np
import pytest

from comparison.histories import recorded
from surefoot.comparison.engine import between
from surefoot.comparison.gate import Gate, gate, limit_of
from surefoot.errors import SettingError
from surefoot.facts import LossCall
from surefoot.records import History, Run


def asked(limit: float, *runs: History) -> Gate:
    return gate(between([(run, ()) for run in runs]), limit)


def val(name: str, last: float) -> History:
    return recorded(name, val_loss={50: 2.0, 100: last}, settings={"lr": len(name)})


def test_worse_by_more_than_the_limit() -> None:
    found = asked(0.05, val("a", 1.0), val("b", 1.06))
    assert (found.failed, found.said) == (
        True,
        "b is 6 % worse (limit 5 %): validation loss 1.06 against 1 after 100 steps",
    )
    assert not asked(0.05, val("a", 1.0), val("b", 1.04)).failed
    assert not asked(0.0, val("a", 1.0), val("b", 0.5)).failed


def test_losses_below_zero() -> None:
    assert asked(0.05, val("a", -1.0), val("b", -0.9)).failed
    assert not asked(0.05, val("a", -1.0), val("b", -0.99)).failed


def test_the_training_loss_where_there_is_no_other() -> None:
    assert "training loss" in asked(0.05, val("a", 1.0), recorded("b")).said


def test_any_of_several() -> None:
    assert asked(0.05, val("a", 1.0), val("bb", 0.9), val("ccc", 2.0)).said.startswith("ccc is 100 % worse")
    assert asked(0.05, val("a", 1.0), val("bb", 0.9), val("ccc", 0.8)).said == (
        "no run is worse than the first by more than 5 %"
    )


def test_no_number_and_failed_runs_are_worse() -> None:
    assert asked(0.05, val("a", 1.0), val("b", float("nan"))).failed
    assert not asked(0.05, val("a", float("nan")), val("b", 1.0)).failed
    assert asked(0.05, val("a", 1.0), recorded("b", loss=np.ones(9), status="failed", exit_code=1)).failed


def test_what_cannot_be_held_to_a_limit() -> None:
    with pytest.raises(SettingError, match="b cannot be held to a limit: one of them recorded no loss"):
        asked(0.05, val("a", 1.0), History(Run("runs/b", "b", "train.py", status="finished")))
    other = [LossCall("t.py:1", function=name) for name in ("mse_loss", "l1_loss")]
    with pytest.raises(SettingError, match="different ones"):
        asked(0.05, *(recorded(f.function, facts=[f]) for f in other))


@pytest.mark.parametrize("text", ["", "five", "-5%", "5%%", "nan", "inf"])
def test_limits_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match="--fail-if-worse"):
        limit_of(text)
