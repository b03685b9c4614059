"""The page's curves: what is kept, what is marked, what is left out."""

import json
import math
from dataclasses import replace

import numpy as np

from report import histories
from surefoot.records import History, Run, Series
from surefoot.report.charts import POINTS, charts, metric_charts, useful_steps, wide
from surefoot.report.smoothing import smooth


def by_id(history):
    return {chart["id"]: chart for chart in charts(history)}


def curve(chart, label):
    return next(one for one in chart["series"] if one["label"] == label)


def test_healthy_run_has_the_four_charts():
    found = by_id(histories.healthy())
    assert list(found) == ["loss", "grad-norm", "lr", "update-ratio"]
    assert [one["label"] for one in found["loss"]["series"]] == [
        "loss",
        "mean of 28 steps",
        "validation loss",
    ]
    norm = [one["label"] for one in found["grad-norm"]["series"]]
    assert norm == ["gradient norm", "mean of 28 steps", "clip threshold", "the script's own max norm"]
    assert curve(found["grad-norm"], "the script's own max norm")["values"] == [5.0, 5.0]
    assert found["grad-norm"]["log"]
    assert not found["loss"]["log"]


def test_every_curve_is_strict_json_and_no_longer_than_it_may_be():
    steps = 50_000
    values = np.sin(np.arange(steps) / 100)
    values[777] = 1e6
    values[30_000] = np.nan
    history = histories.healthy()
    series = {**history.step_series, ("loss", 0): Series.of(values)}
    loss = by_id(replace(history, step_series=series))["loss"]
    json.dumps(loss, allow_nan=False)
    raw = curve(loss, "loss")
    assert len(raw["steps"]) == len(raw["values"]) <= POINTS
    assert raw["values"][raw["steps"].index(778)] == 1e6
    assert raw["nonfinite"] == [[30_001, "NaN"]]
    assert raw["values"][raw["steps"].index(30_001)] is None
    assert (raw["steps"][0], raw["steps"][-1]) == (1, steps)


def test_nonfinite_values_are_named():
    loss = curve(by_id(histories.diverged())["loss"], "loss")
    marks = dict(map(tuple, loss["nonfinite"]))
    assert marks[396] == "Infinity"
    assert marks[600] == "NaN"
    assert len(marks) == 205


def test_each_optimizer_has_its_own_colour():
    found = by_id(histories.gan())
    for chart in ("loss", "grad-norm", "lr"):
        colors = {one["label"].split(", ")[-1]: one["color"] for one in found[chart]["series"]}
        assert set(colors) == {"opt_g (Adam)", "opt_d (Adam)"}
        assert len(set(colors.values())) == 2
    assert "update-ratio" not in found


def test_empty_run_has_no_chart():
    assert charts(histories.empty()) == []
    assert metric_charts(histories.empty(), probes=False) == []


def test_backward_without_an_optimizer_still_shows_its_loss():
    history = History(Run("", "", ""), step_series={("loss", 0): Series.of([3.0, 2.0])})
    assert [chart["id"] for chart in charts(history)] == ["loss"]


def test_update_ratio_is_across_tensors_and_skips_zero_parameters():
    history = histories.healthy()
    update, size = history.parameter_layer("update_norm"), history.parameter_layer("param_norm")
    size.values[:, 1] = 0.0
    ratio = np.delete(update.values / np.where(size.values > 0, size.values, 1), 1, axis=1)
    chart = by_id(history)["update-ratio"]
    for label, reduce in (("smallest", np.min), ("largest", np.max), ("median", np.median)):
        np.testing.assert_allclose(curve(chart, label)["values"], reduce(ratio, axis=1), rtol=1e-4)


def test_metrics_are_the_users_and_probes_surefoots_own():
    history = histories.healthy()
    assert [chart["title"] for chart in metric_charts(history, probes=False)] == ["val_accuracy"]
    assert [chart["title"] for chart in metric_charts(history, probes=True)] == ["graph/nodes", "target/mean"]
    assert "smallest 0.84, largest 0.965" in metric_charts(history, probes=False)[0]["summary"]


def test_smooth_is_the_plain_moving_mean():
    values = np.random.default_rng(0).normal(size=101)
    values[40] = math.inf
    got = smooth(Series.of(values), 9)
    finite = np.delete(values, 40)
    expected = [finite[max(0, i - 4) : i + 5].mean() for i in range(100)]
    np.testing.assert_allclose(got.values, expected)
    assert 41 not in got.steps


def test_a_log_axis_where_a_linear_one_hides_most():
    assert wide([10.0 ** -np.arange(0, 6, 0.01)])
    assert wide([np.array([1e9, *[1.0] * 50])])
    assert not wide([np.linspace(3, 0.5, 100)])
    assert not wide([np.array([1e9, 1.0, 0.0])])
    assert not wide([])


def test_every_chart_names_its_axes():
    assert all(chart["axis"] for chart in charts(histories.healthy()))
    assert all(chart["axis"] == chart["title"] for chart in metric_charts(histories.healthy(), probes=True))


def ran_away(finite, steps):
    values = [1.5**step for step in range(finite)] + [math.nan] * (steps - finite)
    return History(Run(path="", name="", script=""), step_series={("loss", 0): Series.of(values)})


def test_a_run_that_is_soon_nan_is_shown_where_it_is_not():
    assert useful_steps(ran_away(6, 400)) == (1, 8)
    assert useful_steps(ran_away(300, 400)) is None
    assert useful_steps(ran_away(400, 400)) is None
    assert useful_steps(ran_away(0, 400)) is None


def test_the_noise_of_one_optimizer_is_grey_and_its_mean_is_not():
    loss, mean = by_id(histories.healthy())["loss"]["series"][:2]
    assert (loss["style"], mean["style"]) == ("faint", "line")
    assert loss["color"] != mean["color"]
