"""The study from the command line to its figures: resumable, and honest about what it has."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from surefoot.cli.main import _main
from surefoot.errors import SettingError, StoreError
from surefoot.recipes.separation import results as kept
from surefoot.recipes.separation import study as studies
from surefoot.recipes.separation.corpus import find_corpus
from surefoot.recipes.separation.figure import dynamics_figure, pair
from surefoot.recipes.separation.results import Result
from surefoot.recipes.separation.settings import PAPER, Settings
from surefoot.recipes.separation.study import Study
from surefoot.recipes.separation.table import (
    arms,
    deviations,
    difference_rows,
    percentile_rows,
    pooled_r,
    published,
    student,
    verdicts,
)
from surefoot.surfaces import Smoothness

TINY = Settings(steps=20, units=3, layers=1, batch=1, frames=8, every=2, tests=2, test_seconds=0.5)
SET = [
    f"--set={name}={getattr(TINY, name)}"
    for name in ("units", "layers", "batch", "frames", "every", "tests", "test_seconds")
]


def made_result(percentile, seed, loss=1.0, better=2.0, records=40, slope=0.7, **settings):
    random = np.random.default_rng((seed, int(percentile)))
    norms = np.exp(random.standard_normal(records))
    dynamics = Smoothness(
        steps=np.arange(records),
        smoothness=norms**slope * np.exp(0.3 * random.standard_normal(records)),
        grad_norms=norms,
        step_norms=1 + 0.1 * random.random(records),
        losses=np.full(records, loss),
        factors=(1.0,),
        every=1,
    )
    return Result(
        Settings(percentile=percentile, seed=seed, steps=records, **settings),
        "0" * 64,
        dynamics,
        np.full(records, 0.5),
        np.full(records, loss),
        np.where(np.arange(records) % 2, 1.0, 0.5) if percentile < 100 else np.ones(records),
        np.full(3, better),
        np.full(3, better + 0.1),
        1.0,
    )


def test_from_the_command_to_sounds_figures_and_tables(voices, tmp_path, capfd):
    out = tmp_path / "out"
    command = ["reproduce", "autoclip", "--data", str(voices), "--out", str(out), "--percentiles", "10,100"]
    assert _main([*command, "--seeds", "1", "--steps", "20", *SET]) == 0
    told = capfd.readouterr()
    assert "2 trainings of 20 steps" in told.err
    assert "none" in told.out
    for name in ("dynamics.png", "percentiles.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    numbers = json.loads((out / "results.json").read_text())
    assert [row["p"] for row in numbers["percentiles"]] == ["10", "none"]
    assert [row["paper"] for row in numbers["percentiles"]] == [10.2, 8.5]
    page = (out / "results.md").read_text()
    assert "surefoot reproduce autoclip --percentiles 10,100 --seeds 1 --steps 20 --set units=3" in page
    assert str(tmp_path) not in page
    heard = sorted(path.name for path in (out / "sounds").rglob("1-*.wav"))
    assert heard == sorted(
        2 * ["1-mixture.wav", *(f"1-voice{v}-{k}.wav" for v in (1, 2) for k in ("true", "separated"))]
    )


def test_a_study_that_was_stopped_goes_on_where_it_was(voices, tmp_path, monkeypatch):
    corpus, trained = find_corpus(voices), []
    plan = Study(replace(TINY, steps=6), (10.0, 50.0, 100.0), seeds=2)
    own = studies.train

    def train(settings, *arguments, **options):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append((settings.percentile, settings.seed))
        return own(settings, *arguments, **options)

    monkeypatch.setattr(studies, "train", train)
    with pytest.raises(KeyboardInterrupt):
        studies.run(plan, corpus, tmp_path)
    assert trained == [(10.0, 0), (100.0, 0)]  # the two arms that matter come first
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "trainings").iterdir()}
    assert len(before) == 2
    monkeypatch.setattr(
        studies, "train", lambda s, *a, **o: trained.append((s.percentile, s.seed)) or own(s, *a, **o)
    )
    told = []
    found = studies.run(plan, corpus, tmp_path, say=told.append)
    assert told[0] == "2 of 6 trainings are there already"
    assert (
        before.items()
        <= {path: path.stat().st_mtime_ns for path in (tmp_path / "trainings").iterdir()}.items()
    )
    assert not list((tmp_path / "unfinished").glob("*"))
    assert trained[2:] == [(50.0, 0), (10.0, 1), (100.0, 1), (50.0, 1)]
    assert [result.settings for result in found] == plan.trainings()
    again = own(plan.trainings()[0], studies.Mixtures(corpus, seed=0))
    np.testing.assert_array_equal(found[0].losses, again.losses)
    np.testing.assert_array_equal(found[0].dynamics.smoothness, again.dynamics.smoothness)


def test_other_numbers_and_other_voices_are_trained_anew(tmp_path):
    result = made_result(10.0, 0)
    kept.save(result, tmp_path)
    assert kept.finished(tmp_path, result.settings, result.voices) is not None
    assert kept.finished(tmp_path, replace(result.settings, lr=0.5), result.voices) is None
    assert kept.finished(tmp_path, result.settings, "1" * 64) is None


def test_results_come_back_as_they_were(tmp_path):
    result = made_result(25.0, 3, objective="whitened")
    found = kept.load(kept.save(result, tmp_path))
    assert found.settings == result.settings
    for name in ("thresholds", "losses", "factors", "improvement", "ratio"):
        np.testing.assert_array_equal(getattr(found, name), getattr(result, name))
    np.testing.assert_array_equal(found.dynamics.smoothness, result.dynamics.smoothness)
    assert (found.dynamics.factors, found.dynamics.every) == ((1.0,), 1)


def test_a_spoilt_result_is_named(tmp_path):
    result = made_result(10.0, 0)
    path = kept.save(result, tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(StoreError, match=path.name):
        kept.finished(tmp_path, result.settings, result.voices)


def test_numbers_of_a_result():
    result = replace(made_result(10.0, 0, loss_scale=10.0), losses=np.arange(1.0, 11.0))
    assert result.late_loss == pytest.approx((9 + 10) / 2 / 10)
    assert result.clipped == 0.5


def test_tables_and_what_they_say():
    found = [made_result(p, seed, loss=low + 0.01 * seed, better=b + 0.01 * seed * p)
             for p, low, b in ((10.0, 0.8, 3.0), (100.0, 1.0, 1.0)) for seed in range(3)]  # fmt: skip
    assert {p: [r.settings.seed for r in each] for p, each in arms(found[::-1]).items()} == {
        10.0: [0, 1, 2],
        100.0: [0, 1, 2],
    }
    rows = percentile_rows(found)
    assert rows[1]["loss"] == "1.010 ± 0.010"
    assert [row["clipped"] for row in rows] == ["50%", "0%"]
    (row,) = difference_rows(found)
    expected = [100 * ((0.8 + 0.01 * s) / (1 + 0.01 * s) - 1) for s in range(3)]
    interval = stats.ttest_1samp(expected, 0).confidence_interval(0.95)
    assert row["loss, %"] == pytest.approx((np.mean(expected), interval.low, interval.high))
    (sentence,) = verdicts(found)
    assert "loss 20 % lower," in sentence
    assert "r not clearly different" in sentence  # it is noise here


def test_a_result_against_the_paper_is_said_to_be_so():
    found = [
        made_result(p, s, loss=low + 0.001 * s) for p, low in ((10.0, 1.2), (100.0, 1.0)) for s in range(3)
    ]
    assert "loss 20 % higher (against the paper)" in verdicts(found)[0]


def test_student_of_one_value_claims_nothing():
    mean, low, high = student([2.0])
    assert mean == 2.0
    assert math.isnan(low)
    assert math.isnan(high)


def test_pooled_r_of_one_training_is_pearsons():
    result = made_result(10.0, 0)
    expected = stats.pearsonr(np.log(result.dynamics.grad_norms), np.log(result.dynamics.smoothness))
    low, high = expected.confidence_interval(0.95)
    assert pooled_r([result]) == pytest.approx((expected.statistic, low, high), rel=1e-6)
    pooled = np.arctanh(pooled_r([made_result(10.0, seed) for seed in range(4)]))
    assert np.ptp(pooled[1:]) == pytest.approx((np.arctanh(high) - np.arctanh(low)) / 2)
    each = [np.arctanh(pooled_r([made_result(10.0, seed)])[0]) for seed in range(4)]
    assert pooled[0] == pytest.approx(np.mean(each))
    assert pooled_r([made_result(10.0, 0, records=3)]) is None


def test_deviations_name_what_differs_and_only_that():
    text = " ".join(deviations(Settings(level_jitter=8.0), "two voices"))
    for part in ("two voices", "64 units", "4 x 64 frames", "2,500 steps", "8 dB"):
        assert part in text
    as_published = " ".join(deviations(Settings(**PAPER), "WSJ0-2mix"))
    for part in ("units", "frames", "80,000", "louder"):
        assert part not in as_published


def test_published_numbers_stand_beside_the_network_they_are_of():
    small = {"units": 300, "layers": 2}
    assert [published(Settings(percentile=p, **small)) for p in (10.0, 50.0, 100.0)] == [9.2, None, 8.1]
    assert [published(Settings(percentile=p)) for p in (10.0, 50.0, 100.0)] == [10.2, 9.2, 8.5]
    assert published(Settings(percentile=10.0, objective="whitened", **small)) == 11.0


def test_the_chimera_says_that_its_weights_are_others():
    ours = " ".join(deviations(Settings(objective="chimera"), "two voices"))
    assert "0.975 (clustering) and 0.025 (masks)" in ours
    assert "0.25 and 0.75" in ours
    theirs = " ".join(deviations(Settings(objective="chimera", clustering_weight=0.25), "two voices"))
    assert "chimera" not in theirs


def test_the_figure_shows_the_threshold_and_r():
    found = [made_result(p, s) for p in (1.0, 10.0, 25.0, 100.0) for s in (0, 1)]
    assert [(r.settings.percentile, r.settings.seed) for r in pair(found)] == [(100.0, 0), (10.0, 0)]
    figure = dynamics_figure(found)
    plain, clipped = figure.axes[2], figure.axes[5]
    labels = [text.get_text() for text in clipped.get_legend().get_texts()]
    assert any(label.startswith("threshold at the end, 0.5") for label in labels)
    assert any(label.startswith("r = 0.") and "40 records" in label for label in labels)
    assert not any("threshold" in text.get_text() for text in plain.get_legend().get_texts())
    assert len(dynamics_figure(found[:1]).axes) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["autoklip"], "no study 'autoklip' to reproduce: did you mean 'autoclip'"),
        (["autoclip", "--percentiles", "1;2"], "--percentiles 1;2 is no list of numbers"),
        (["autoclip", "--percentiles", "10,200"], "percentile is 200; give one in 0 to 100"),
        (["autoclip", "--set", "unit=3"], "'unit' is no number of the study: did you mean 'units'"),
        (["autoclip", "--set", "units=3.5"], "units = 3.5 is not a whole number"),
        (["autoclip", "--set", "seed=3"], "give --seeds"),
        (["autoclip", "--set", "objective=tasnet"], "give one of masks, clustering"),
        (["autoclip", "--data", "/nowhere/at/all"], "There is no folder /nowhere/at/all"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(arguments, message, capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert _main(["reproduce", *arguments]) == 2
    told = capfd.readouterr().err.strip()
    assert message in told
    assert "\n" not in told
    assert not list(tmp_path.iterdir())


def test_an_empty_study():
    with pytest.raises(SettingError, match="no percentiles"):
        Study(TINY, ())
    with pytest.raises(SettingError, match="seeds is 0"):
        Study(TINY, seeds=0)
