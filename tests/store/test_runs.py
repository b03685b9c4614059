"""Finding runs, naming them, and the numbers that sum one up."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from surefoot.errors import RunNotFound, SettingError, StoreError
from surefoot.records import OptimizerInfo
from surefoot.store.batch import Batch, MetricRow, StepRow
from surefoot.store.folders import default_name
from surefoot.store.runs import find_run, list_runs
from surefoot.store.summary import summary
from surefoot.store.writer import RunWriter

from .conftest import RUN


def make(runs: Path, name: str | None, started: float = 0.0) -> Path:
    writer = RunWriter(runs)
    folder = writer.create(replace(RUN, started=started), name=name)
    writer.finish("finished", 0)
    return folder


def test_runs_of_one_name_never_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: make(tmp_path, "same"), range(8)))
    assert {folder.name for folder in folders} == {"same", *(f"same-{k}" for k in range(2, 9))}
    assert sorted(run.name for run in list_runs(tmp_path)) == sorted(folder.name for folder in folders)


def test_default_names(tmp_path: Path) -> None:
    first, second = make(tmp_path, None, 1e9), make(tmp_path, None, 1e9)
    assert first.name.startswith("train-2001-09-0")
    assert second.name == first.name + "-2"
    names = ["a/b/my train.py", "package.module", "C:\\x\\train.py", "", "..", "-", "über.py", "x" * 300]
    stems = [default_name(name, 0.0)[:-20] for name in names]
    assert stems == ["my-train", "package.module", "train", "run", "run", "run", "über", "x" * 120]


@pytest.mark.parametrize("name", ["", ".", "..", "last", "a/b", "a\\b", "a\nb", "x" * 121, "nul\0", "c:"])
def test_names_that_no_folder_can_have(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingError, match="cannot name a run"):
        RunWriter(tmp_path).create(RUN, name=name)
    assert list(tmp_path.iterdir()) == []


def test_listing(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    for name, started in (("old", 10.0), ("new", 30.0), ("middle", 20.0)):
        make(tmp_path, name, started)
    (tmp_path / "notes.txt").write_text("no run")
    (tmp_path / "empty").mkdir()
    (tmp_path / "being-made").mkdir()
    (tmp_path / "being-made" / "run.db").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.db").write_text("no database")
    found = list_runs(tmp_path)
    assert [run.name for run in found] == ["new", "middle", "old", "broken"]
    assert found[-1].error is not None
    assert "is not a run" in found[-1].error
    assert found[0].path == str(tmp_path / "new")


def test_a_moved_run_is_called_as_its_folder(tmp_path: Path) -> None:
    make(tmp_path, "before").rename(tmp_path / "after")
    (run,) = list_runs(tmp_path)
    assert (run.name, run.path) == ("after", str(tmp_path / "after"))


def test_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = tmp_path / "surefoot-runs"
    digits = make(runs, "digits-2026-01-01", 10.0)
    older = make(runs, "digits", 5.0)
    other = make(runs, "mnist-7", 20.0)
    monkeypatch.chdir(tmp_path)
    assert find_run(runs, "last") == other
    assert find_run(runs, "digits") == older
    assert find_run(runs, "digits-2") == digits
    assert find_run(runs, "m") == other
    assert find_run("surefoot-runs", "m") == other
    assert find_run(runs, other) == other
    assert find_run(runs, other / "run.db") == other
    assert find_run(tmp_path / "elsewhere", "surefoot-runs/mnist-7") == other
    (tmp_path / "mnist-7").mkdir()  # a folder of that name that is no run
    assert find_run(runs, "mnist-7") == other
    elsewhere = make(tmp_path, "apart")
    assert find_run(runs, "apart") == elsewhere


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("dig", "'dig' fits 2 runs in .*: say which of digits-1, digits-2."),
        ("digit-1", "there is no run 'digit-1' in .*; near names are digits-1, digits-2."),
        ("zzz", "there is no run 'zzz' in .*, nor at that path; `surefoot runs` lists them."),
        ("", "there is no run ''"),
    ],
)
def test_runs_that_cannot_be_found(tmp_path: Path, reference: str, message: str) -> None:
    make(tmp_path, "digits-1"), make(tmp_path, "digits-2")
    with pytest.raises(RunNotFound, match=message):
        find_run(tmp_path, reference)


def test_no_runs_at_all(tmp_path: Path) -> None:
    with pytest.raises(RunNotFound, match="holds no runs yet: make one with `surefoot run SCRIPT`"):
        find_run(tmp_path, "last")
    with pytest.raises(RunNotFound, match="it holds no runs yet"):
        find_run(tmp_path, "digits")


def test_summary(writer: RunWriter, folder: Path) -> None:
    generator = np.random.default_rng(0)
    losses, norms = generator.random(3000).tolist(), generator.random(3000).tolist()
    losses[5], norms[7], norms[8] = math.nan, math.nan, math.inf
    writer.write(Batch(optimizers=[OptimizerInfo(0, "SGD", {}, ()), OptimizerInfo(1, "SGD", {}, ())]))
    writer.write(
        Batch(
            steps=[
                StepRow(k + 1, 0, 0.1, 1, losses[k], norms[k], 0.1, 1.0, 0.5 if k % 4 == 0 else 1.0)
                for k in range(3000)
            ]
            + [StepRow(3001, 1, 0.1, 1, 99.0)],
            metrics=[MetricRow(k, "val_loss", value, 0.1) for k, value in ((20, 0.5), (10, 0.7), (30, 0.6))],
        )
    )
    writer.finish("finished", 0)
    finite = [norm for norm in norms if math.isfinite(norm)]
    assert summary(folder) == {
        "schema": 1,
        "run": str(folder),
        "script": "train.py",
        "status": "finished",
        "exit_code": 0,
        "steps": 3001,
        "loss": {"first": losses[0], "last": losses[-1], "best": min(x for x in losses if x == x)},
        "val_loss": {"first": 0.7, "last": 0.6, "best": 0.5},
        "grad_norm": {
            "first": norms[0],
            "last": norms[-1],
            "median": float(np.median(finite)),
            "max": math.inf,
        },
        "clip_rate": 0.25,
    }


def test_summary_of_a_run_without_anything(writer: RunWriter, folder: Path) -> None:
    found = summary(folder)
    assert json.loads(json.dumps(found)) == found
    assert (found["status"], found["steps"], found["exit_code"]) == ("running", 0, None)
    assert [found[name] for name in ("loss", "val_loss", "grad_norm", "clip_rate")] == [None] * 4


def test_summary_of_a_run_that_was_never_finite(writer: RunWriter, folder: Path) -> None:
    writer.write(
        Batch(
            optimizers=[OptimizerInfo(0, "SGD", {}, ())],
            steps=[StepRow(1, 0, 0.1, 1, math.nan, math.nan)],
        )
    )
    found = summary(folder)
    assert all(math.isnan(value) for value in (*found["loss"].values(), *found["grad_norm"].values()))
    assert found["clip_rate"] is None


def test_writing_before_creating(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open for writing: create the run before"):
        RunWriter(tmp_path).write(Batch())


def test_the_room_never_loads_torch() -> None:
    code = (
        "import pkgutil, importlib, sys, surefoot.store as store\n"
        "for module in pkgutil.iter_modules(store.__path__, 'surefoot.store.'):\n"
        "    importlib.import_module(module.name)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
