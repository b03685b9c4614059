"""The shape that --json writes."""

import json
import math

import numpy as np
import pytest

from report import histories
from surefoot.records import Finding, History, OptimizerInfo, Run, Series
from surefoot.report.json import clip_rate, dumps, plain, summary
from surefoot.report.verdict import judge

KEYS = {
    "schema",
    "run",
    "script",
    "status",
    "exit_code",
    "steps",
    "loss",
    "val_loss",
    "grad_norm",
    "clip_rate",
    "unobserved_threads",
    "unmeasured",
    "unjudged",
    "verdict",
    "extent",
    "recorded_steps",
    "reason",
    "said",
    "findings",
}


def finding(code, severity, **more):
    return Finding(code, severity, "A title.", "A fix.", **more)


def test_healthy_run_has_every_key_and_its_figures():
    history = histories.healthy()
    document = summary(history, ())
    assert set(document) == KEYS
    loss = history.series("loss").values
    assert document["loss"] == {"first": loss[0], "last": loss[-1], "best": loss.min()}
    assert document["val_loss"] == {"first": 0.52, "last": 0.13, "best": 0.13}
    norm = history.series("grad_norm").values
    assert document["grad_norm"]["median"] == np.median(norm)
    assert document["grad_norm"]["max"] == norm.max()
    assert document["clip_rate"] == np.mean(history.series("clip_factor").values < 1)
    assert (document["schema"], document["status"], document["exit_code"]) == (1, "finished", 0)
    assert (document["verdict"], document["findings"]) == ("healthy", [])


def test_diverged_run_is_strict_json_and_keeps_what_was_recorded():
    text = dumps(histories.diverged(), (histories.TOO_HIGH, histories.DEAD))

    def refuse(constant):
        pytest.fail(f"{constant} is not JSON")

    document = json.loads(text, parse_constant=refuse)
    assert document["loss"]["last"] == "NaN"
    assert document["grad_norm"]["max"] == "Infinity"
    assert math.isnan(float(document["loss"]["last"]))
    assert document["verdict"] == "error"
    assert [found["code"] for found in document["findings"]] == ["lr-too-high", "dead-units"]
    first = document["findings"][0]
    assert first["consequences"] == ["exploding-gradient"]
    assert first["evidence"]["loss after"] == 950.0
    assert set(first) == {
        "code",
        "severity",
        "title",
        "step",
        "evidence",
        "fix",
        "where",
        "confidence",
        "consequences",
        "explains",
    }
    assert first["explains"][0]["title"] == histories.EXPLODING.title


def test_empty_run_says_null():
    document = summary(histories.empty(), ())
    assert document["loss"] == {"first": None, "last": None, "best": None}
    assert document["grad_norm"] == {"first": None, "last": None, "median": None, "max": None}
    assert document["val_loss"] is None
    assert document["clip_rate"] is None


def test_all_nan_loss_has_no_best():
    run = Run(path="", name="", script="", steps=2)
    optimizer = OptimizerInfo(0, "SGD", {}, ())
    nan = Series.of([math.nan, math.nan])
    history = History(
        run, optimizers=(optimizer,), step_series={("loss", 0): nan, ("grad_norm", 0): nan, ("time", 0): nan}
    )
    document = summary(history, ())
    assert document["loss"] == {"first": "NaN", "last": "NaN", "best": None}
    assert document["grad_norm"] == {"first": "NaN", "last": "NaN", "median": None, "max": None}


@pytest.mark.parametrize(
    ("severities", "expected"),
    [
        ([], "healthy"),
        (["information"], "healthy"),
        (["information", "warning"], "warning"),
        (["warning", "error"], "error"),
    ],
)
def test_verdict_is_the_gravest(severities, expected):
    findings = [finding("a", severity) for severity in severities]
    assert judge(histories.healthy(), findings).word == expected


def test_clip_rate_pools_the_optimizers_and_ignores_steps_without_a_clipper():
    optimizers = (OptimizerInfo(0, "Adam", {}, ()), OptimizerInfo(1, "Adam", {}, ()))
    series = {
        ("clip_factor", 0): Series.of([0.5, 1.0, math.nan]),
        ("clip_factor", 1): Series.of([0.1, 0.2]),
    }
    assert clip_rate(History(Run("", "", ""), optimizers=optimizers, step_series=series)) == 0.75


def test_plain_takes_numpy_and_nesting():
    item = {"a": np.float64("nan"), "b": np.arange(2), 3: ({"c": -math.inf},), "d": np.bool_(True), "e": None}
    assert plain(item) == {"a": "NaN", "b": [0, 1], "3": [{"c": "-Infinity"}], "d": True, "e": None}
    json.dumps(plain(item), allow_nan=False)


def test_hostile_text_survives_the_round_trip():
    document = json.loads(dumps(histories.hostile(), (histories.hostile_finding(),)))
    assert document["findings"][0]["title"] == histories.HOSTILE
