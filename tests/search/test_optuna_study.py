"""Optuna's search, with trainings that are a formula."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from surefoot.capture.script import Target
from surefoot.errors import SettingError
from surefoot.search.axes import Axis, axis
from surefoot.search.conclusion import concluded
from surefoot.search.easy import studying
from surefoot.search.order import Report
from surefoot.search.records import Sweep
from surefoot.search.results import Result
from surefoot.search.settings import Member

optuna = pytest.importorskip("optuna")

from surefoot.search.optuna_study import SAMPLERS, Study, Studying, study_of  # noqa: E402

AXES = (axis("lr", "1e-4:1:log"), axis("optimizer", "sgd,adamw"))


def axes() -> tuple[Axis, ...]:
    return tuple(each for each in AXES if each is not None)


def loss_of(member: Member) -> float:
    """Best at 0.01 with adamw."""
    distance = abs(math.log10(member.setting.get("lr")) + 2)
    return 0.1 + distance + (member.setting.get("optimizer") == "sgd") + 0.01 * member.seed


def searched(
    how: Studying, seeds: int = 1, before: Mapping[Member, Result] | None = None
) -> dict[Member, Result]:
    study = Study(axes(), seeds, how, before or {})
    results: dict[Member, Result] = {}
    while (member := study.take(results)) is not None:
        loss, curve = loss_of(member), ()
        for step in study.rungs(member, results):
            if study.stops(member, Report(step, None, loss), results):
                results[member] = Result("stopped", step, training=loss, training_curve=((step, loss),))
                break
        else:
            curve = tuple((step, loss) for step in (9, 30, 90))
            results[member] = Result("finished", 90, training=loss, training_curve=curve)
        study.ended(member, results[member])
    return results


@pytest.mark.parametrize("sampler", [name for name in SAMPLERS if name not in ("gp", "cmaes")])
def test_each_sampler_tries_as_many_as_asked(sampler: str) -> None:
    assert len(searched(Studying(8, sampler))) == 8


def test_tpe_finds_the_neighbourhood_of_the_best() -> None:
    results = searched(Studying(40), seeds=2)
    best = min(results, key=loss_of)
    assert best.setting.get("optimizer") == "adamw"
    assert 10**-2.7 < best.setting.get("lr") < 10**-1.3
    assert len(results) == 80


def test_a_pruner_stops_and_no_other_seed_of_it_trains() -> None:
    results = searched(Studying(20, "random", "halving"), seeds=2)
    stopped = [member for member, result in results.items() if result.status == "stopped"]
    assert stopped
    assert all(Member(member.setting, 1) not in results for member in stopped)


def test_what_was_trained_before_is_tried_first() -> None:
    before = searched(Studying(5, "random"))
    study = Study(axes(), 1, Studying(8, seed=1), before)
    assert [study.take({}) for _ in before] == list(before)


def test_a_sweep_is_a_study() -> None:
    results = searched(Studying(6), seeds=2)
    made: Sweep = concluded(Target("a.py"), "", axes(), 2, list(results), results, None)
    study = study_of(made)
    assert study.best_value == pytest.approx(made.configurations[0].mean)
    assert study.best_params == made.best
    assert all(len(trial.user_attrs["losses"]) == 2 for trial in study.trials)


def test_what_optuna_has_not_is_refused() -> None:
    with pytest.raises(SettingError, match="there is no sampler 'tree'"):
        studying(5, "tree", "none")
    with pytest.raises(SettingError, match="--optuna 30"):
        studying(None, "gp", "none")
