"""`surefoot train separation`, on made voices and on recorded ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from surefoot.cli.main import _main
from surefoot.diagnosis import history_of
from surefoot.figures import animate
from surefoot.recipes import load
from surefoot.recipes.separation import pictures, training
from surefoot.recipes.separation import recipe as separation
from surefoot.recipes.separation.audio import read
from surefoot.recipes.separation.corpus import PROMPTS
from surefoot.recipes.separation.mixtures import Mixtures, samples_of
from surefoot.recipes.separation.spectra import HOP, spectrum


def test_trains_records_draws_and_writes_sounds(voices, tmp_path, capfd):
    out, runs = tmp_path / "out", tmp_path / "runs"
    command = [
        "train",
        "separation",
        "--quick",
        "--data",
        str(voices),
        "--out",
        str(out),
        "--runs",
        str(runs),
    ]
    assert _main([*command, "--set", "steps=30"]) == 0
    assert "held-out mixtures the voices came" in capfd.readouterr().out
    assert (out / "separation.png").read_bytes().startswith(b"\x89PNG")
    sounds = {path.stem: read(path) for path in (out / "sounds").iterdir()}
    assert len(sounds) == 5
    both = sounds["1-voice1-true"] + sounds["1-voice2-true"]
    np.testing.assert_allclose(sounds["1-mixture"], both, atol=1e-4)
    kept = json.loads((out / "results.json").read_text())
    assert kept["numbers"]["steps"] == 30
    history = history_of(kept["runs"][0])
    assert history.run.status == "finished"
    assert len(history.series("loss")) == 30
    assert np.nanmin(history.series("clip_factor").values) < 1
    first = history.series("loss").values[:6].mean()
    assert kept["results"][0]["early loss"] == pytest.approx(first, rel=1e-5)


def test_an_interrupted_training_goes_on_by_resume(voices, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(training, "KEEP_EVERY", -1.0)  # a checkpoint after every step
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    command = ["train", "separation", "--quick", "--data", str(voices), "--runs", str(tmp_path / "runs")]
    command += ["--set", "steps=12"]
    assert _main([*command, "--out", str(whole)]) == 0
    advance = training._State.advance

    def interrupted(state):
        if state.step == 7:
            raise KeyboardInterrupt
        advance(state)

    monkeypatch.setattr(training._State, "advance", interrupted)
    assert _main([*command, "--out", str(parted)]) == 130
    steps = []
    monkeypatch.setattr(training._State, "advance", lambda state: (steps.append(state.step), advance(state)))
    capfd.readouterr()
    assert _main([*command, "--out", str(parted)]) == 2
    assert "go on with it by --resume" in capfd.readouterr().err
    assert _main([*command, "--out", str(parted), "--resume"]) == 0
    assert steps == list(range(7, 12))
    found = [json.loads((out / "results.json").read_text())["results"] for out in (whole, parted)]
    assert found[0] == found[1]
    assert not list((parted / "unfinished").iterdir())


@pytest.fixture
def tiny(voices, tmp_path):
    """Options of a training of a second."""
    numbers = {
        "data": str(voices),
        "steps": 22,
        "units": 4,
        "layers": 1,
        "batch": 2,
        "frames": 16,
        "every": 5,
    }
    recipe = load("separation")
    return recipe, recipe.options(out=tmp_path / "out", runs=tmp_path / "runs", quick=True, settings=numbers)


@pytest.mark.parametrize("objective", ["masks", "chimera"])
def test_the_landscape_is_of_the_training_loss_over_the_first_batches(tiny, objective):
    recipe, options = tiny
    options = replace(options, numbers={**options.numbers, "objective": objective})
    shown = recipe.landscape(options)
    (path,) = shown.trajectories
    settings = separation.settings_of(options)
    assert path.steps.tolist() == [0, 5, 10, 15, 20, 22]
    np.testing.assert_array_equal(path.points[-1], shown.objective.center.numpy())
    mixtures = Mixtures(separation.corpus_of(options), seed=settings.seed)
    again = training.train(settings, mixtures)
    assert path.losses[:-1].tolist() == again.losses[path.steps[:-1]].tolist()
    assert np.isnan(path.losses[-1])
    losses = []
    for step in range(pictures.BATCHES):
        sources = torch.from_numpy(mixtures.batch(step, 2, samples_of(16, HOP)))
        mixture = spectrum(sources.sum(dim=1))
        with torch.no_grad():
            heads = again.model.eval()(mixture)
            losses.append(training.loss_of(settings, heads, spectrum(sources), mixture).item())
    surface = shown.surface(3)
    assert surface.center_loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert surface.explained[0] > 0.5


@pytest.mark.parametrize("kind", ["curves", "path"])
def test_the_training_moves(tiny, kind, tmp_path):
    recipe, options = tiny
    scene = recipe.scenes[kind](options, 6)
    assert 2 <= len(scene) <= 6
    assert animate(scene, tmp_path / "moving.gif").read_bytes().startswith(b"GIF89a")


def test_no_voices_is_one_sentence(tmp_path, capfd):
    assert _main(["train", "separation", "--data", str(tmp_path / "none"), "--out", str(tmp_path)]) == 2
    assert "There is no folder" in capfd.readouterr().err


def test_data_is_for_recipes_that_take_it(tmp_path, capfd):
    assert _main(["train", "line", "--data", "x", "--out", str(tmp_path)]) == 2
    assert "'data' is no number of the recipe line" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(
    not PROMPTS.is_dir(),
    reason="no recorded speech: apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-it-wav",
)
def test_the_study_on_recorded_speech(tmp_path):
    out = tmp_path / "out"
    speakers = "--set=speakers=Allison,Carlo"
    assert (
        _main(["reproduce", "autoclip", "--quick", "--out", str(out), speakers, "--set=level_jitter=8"]) == 0
    )
    numbers = json.loads((out / "results.json").read_text())
    assert {row["p"] for row in numbers["percentiles"]} == {"10", "none"}
    clipped, plain = sorted(numbers["trainings"], key=lambda each: each["percentile"])
    assert clipped["clipped"] > 0.8
    assert plain["clipped"] == 0
    assert clipped["step_variation"] < plain["step_variation"]
    assert min(clipped["improvement"], plain["improvement"]) > 0.2  # dB, after 400 steps
