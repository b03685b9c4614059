"""A sentence that crowns nobody by chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from surefoot.search.axes import Axis, axis
from surefoot.search.records import Configuration
from surefoot.search.results import Result
from surefoot.search.settings import Setting
from surefoot.search.student import probability_within
from surefoot.search.verdict import ranked, rivals, seeds_to_tell, verdict


def configuration(name: str, *losses: float, optimizer: str = "sgd") -> Configuration:
    results = {seed: Result("finished", 10, 1.0, loss, loss) for seed, loss in enumerate(losses)}
    setting = Setting((("lr", float(name)), ("optimizer", optimizer)))
    return Configuration(setting, results, "validation loss", len(losses))


def test_a_difference_beyond_the_seeds_is_told_by_pairs() -> None:
    # The seeds differ by far more than the settings do, but alike in both.
    found = verdict(ranked([configuration("0.1", 1.1, 2.1, 3.11), configuration("0.2", 1.0, 2.0, 3.0)]), 3)
    assert found.beyond is True
    assert found.best is not None
    assert found.best.setting.get("lr") == 0.2
    assert "more than the seeds differ" in found.said


def test_a_difference_within_the_seeds_says_how_many_would_tell() -> None:
    found = verdict(ranked([configuration("0.1", 1.0, 1.3, 1.2), configuration("0.2", 1.1, 1.2, 1.1)]), 3)
    assert found.beyond is False
    assert found.seeds_needed is not None
    assert f"about {found.seeds_needed} seeds would tell" in found.said


def test_one_seed_cannot_tell() -> None:
    found = verdict(ranked([configuration("0.1", 1.0), configuration("0.2", 0.5)]), 1)
    assert found.beyond is None
    assert "one seed cannot tell that from chance: --seeds 3 can" in found.said


def test_a_setting_that_diverges_from_one_seed_is_not_recommended() -> None:
    found = verdict(ranked([configuration("1", 0.1, math.inf), configuration("0.1", 1.0, 1.1)]), 2)
    assert found.best is not None
    assert found.best.setting.get("lr") == 0.1
    assert found.said.endswith("no other setting trained to a finite loss.")


def test_where_nothing_trains_nothing_is_recommended() -> None:
    found = verdict([configuration("1", math.inf)], 1)
    assert found.best is None
    assert found.said == "nothing to recommend: each setting diverged, from some seed at least."


def test_equal_settings_are_seldom_told_apart() -> None:
    source, crowned = np.random.default_rng(0), 0
    for _ in range(200):
        losses = 1 + 0.1 * source.normal(size=(5, 3))
        crowned += (
            verdict(ranked([configuration(f"{k + 1}", *row) for k, row in enumerate(losses)]), 3).beyond
            is True
        )
    assert crowned <= 10  # 1.7 % of them, by the docstring


def test_the_seeds_that_are_asked_for_do_tell() -> None:
    source, told, needed = np.random.default_rng(1), 0, seeds_to_tell(0.1, 0.1)
    for _ in range(100):
        better, worse = source.normal(1.0, 0.07, needed), source.normal(1.1, 0.07, needed)
        told += (
            verdict(ranked([configuration("1", *better), configuration("2", *worse)]), needed).beyond is True
        )
    assert 65 <= told <= 95  # 80 of 100 are promised


def test_every_other_optimizer_is_set_against_the_best() -> None:
    made = [
        configuration("0.1", 1.0, 1.1),
        configuration("0.2", 2.0, 2.1, optimizer="adam"),
        configuration("0.3", math.inf, 1.0, optimizer="lion"),
    ]
    said = rivals(ranked(made), [Axis("lr", (0.1, 0.2, 0.3)), Axis("optimizer", ("sgd", "adam", "lion"))])
    assert "optimizer adam at its best (lr 0.2, optimizer adam) is 1 worse" in said[0]
    assert said[1] == "optimizer lion: no setting trained to a finite loss from every seed"


def test_student_s_t_is_scipy_s() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 3, 4, 7, 10, 29, 100):
        for t in (0.1, 1.0, 2.5, 6.0):
            wanted = 1 - 2 * stats.t.sf(t, freedom)
            assert probability_within(t, freedom) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("lr", "1e-4:x:log7", "--lr x is no number"),
        ("lr", "1:1e-4:log7", "goes nowhere"),
        ("lr", "0,0.1", "above 0"),
        ("lr", "nan", "above 0"),
        ("lr", "1e-4:1:log1", "2 to 1000 values"),
        ("lr", "", "has no values"),
        ("lr", "0.1,0.1", "twice"),
        ("momentum", "1.0", "below 1"),
        ("weight-decay", "0:1:log3", "begins at 0"),
        ("optimizer", "adamm", "did you mean 'adam'"),
        ("clip", "auto", "is not known"),
        ("clip", "autoclip:200", "no percentile"),
        ("schedule", "cosine", "needs its settings"),
        ("schedule", "cosine(epochs(3))", "in steps"),
    ],
)
def test_what_can_t_be_is_refused_in_a_sentence(name: str, given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        axis(name, given)
