"""All runs in one chart: colours by group, bands of seeds, a time axis."""

from __future__ import annotations

import json

import numpy as np

from comparison.histories import SOURCE, recorded
from surefoot.comparison.charts import step_charts, time_charts
from surefoot.comparison.engine import between
from surefoot.comparison.records import Comparison
from surefoot.records import History, Run

LOSS = np.exp(-np.arange(100) / 30)


def of(*runs: History) -> Comparison:
    return between([(run, ()) for run in runs])


def test_both_curves_stand_in_one_chart() -> None:
    charts = step_charts(
        of(recorded("a", val_loss={50: 1.0, 100: 0.5}), recorded("b", loss=LOSS / 2, settings={"lr": 1}))
    )
    assert [chart["id"] for chart in charts] == ["loss", "val_loss", "grad_norm", "lr"]
    loss = charts[0]["series"]
    assert [(one["label"], one["color"]) for one in loss] == [
        ("training loss, a", 0),
        ("training loss, b", 1),
    ]
    json.dumps(charts, allow_nan=False)


def test_equal_rates_are_not_drawn() -> None:
    assert "lr" not in [
        chart["id"] for chart in step_charts(of(recorded("a"), recorded("b", loss=LOSS[:50])))
    ]


def test_seeds_are_a_band() -> None:
    runs = [recorded(f"s{at}", loss=LOSS * (1 + at), seed=at) for at in range(3)]
    changed = recorded("t", settings={"lr": 0.5}, source=SOURCE.replace("0.1", "0.5"))
    loss = step_charts(of(*runs, changed))[0]["series"]
    assert [(one["style"], one["color"]) for one in loss] == [
        ("low", 0),
        ("high", 0),
        ("line", 0),
        ("line", 1),
    ]
    low, high, mean = (np.array(one["values"]) for one in loss[:3])
    assert np.allclose(low, LOSS, rtol=1e-4)
    assert np.allclose(high, 3 * LOSS, rtol=1e-4)
    assert np.allclose(mean, 2 * LOSS, rtol=1e-4)


def test_the_same_time() -> None:
    slow, fast = recorded("a", seconds=0.2), recorded("b", seconds=0.1, settings={"lr": 0.3})
    (chart,) = time_charts(of(slow, fast))
    assert chart["unit"] == "s"
    assert [one["steps"][0] for one in chart["series"]] == [0.0, 0.0]
    assert np.allclose([one["steps"][-1] for one in chart["series"]], [19.8, 9.9])


def test_nothing_recorded_is_nothing_drawn() -> None:
    nothing = [History(Run(f"runs/{name}", name, "train.py")) for name in "ab"]
    assert step_charts(of(*nothing)) == []
    assert time_charts(of(*nothing)) == []


def test_no_number_is_said() -> None:
    bad = np.where(np.arange(100) < 60, LOSS, np.nan)
    (loss, *_), (times,) = (
        make(of(recorded("a"), recorded("b", loss=bad))) for make in (step_charts, time_charts)
    )
    assert loss["series"][1]["nonfinite"][0] == [61, "NaN"]
    assert times["series"][1]["nonfinite"][0] == [6.0, "NaN"]
