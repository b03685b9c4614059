"""Observation changes nothing: losses, results and random-number streams keep their bits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import surefoot as sf
from surefoot.facts import Defect

from . import trainings
from .twin import SUREFOOT, process

# Steps that some optimizer takes in each; where nothing calls backward there is none.
STEPS = {
    "dropout": 16, "gan": 16, "lbfgs": 3, "mixed_precision": 7, "sparse_embedding": 16, "compiled": 16,
    "functional": 7, "torchscript": 16,
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", trainings.TRAININGS)
def test_watching_changes_no_bit(name: str, tmp_path: Path) -> None:
    plain = trainings.digest(name)
    with sf.watch(runs=tmp_path, every=1) as run:
        watched = trainings.digest(name)
    assert watched == plain
    assert not run.recorder.failed
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    # By hand, the step after the last backward shows while its tensors live, and these are gone by now.
    assert run.steps in (STEPS.get(name, 8), 7 if name.startswith("by_hand") else -1)
    assert sum(len(history.series("time", o.index)) for o in history.optimizers) == run.steps


def test_running_changes_no_bit(tmp_path: Path) -> None:
    script = str(Path(trainings.__file__))
    plain = process([sys.executable, script], tmp_path)
    observed = process([*SUREFOOT, "run", "--quiet", "--every", "1", "--runs", "runs", script], tmp_path)
    assert observed == plain
    assert plain.stdout.count(b"\n") == len(trainings.TRAININGS)


def test_a_clipper_that_never_clips_changes_no_bit(tmp_path: Path) -> None:
    plain = trainings.digest("dropout")
    torch.manual_seed(3)
    with sf.watch(runs=tmp_path) as run:
        run.observer.steps._make_clipper = lambda: sf.ClipByNorm(1e9)
        assert trainings.digest("dropout") == plain
    assert run.latest.clip_rate == 0.0
