"""The recorder may fail, the training may not; and what a killed or interrupted training leaves behind."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.capture import recorder, rows
from surefoot.capture.backwards import Backwards
from surefoot.capture.steps import Steps
from surefoot.errors import StoreError
from surefoot.facts import Defect
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs
from surefoot.store.writer import RunWriter

from . import trainings
from .twin import ENVIRONMENT, SUREFOOT, Ended, process


def break_creation(monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: object) -> None:
        raise StoreError("the folder is read-only.")

    monkeypatch.setattr(RunWriter, "create", create)


def break_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = RunWriter.write
    count = iter(range(10**9))

    def write(self: RunWriter, batch: object) -> None:
        if next(count) > 2:
            raise StoreError("the disk is full.")
        real(self, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(RunWriter, "write", write)


def break_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    def step_rows(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(rows.Rows, "step_rows", step_rows)


def break_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backwards, "ends", lambda self, *_: 1 / 0)


def break_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Steps, "begins", lambda self, *_: 1 / 0)


@pytest.mark.parametrize("fault", [break_creation, break_writing, break_rows, break_backward, break_step])
def test_a_fault_of_the_recorder_is_said_once(
    fault: Callable[[pytest.MonkeyPatch], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    plain = trainings.digest("dropout")
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    fault(monkeypatch)
    with sf.watch(runs=tmp_path, every=1) as run:
        assert trainings.digest("dropout") == plain
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("surefoot: ")
    assert said.err.count("\n") == 1, said.err
    assert "the training goes on" in said.err
    assert isinstance(run.findings, tuple)


@pytest.mark.parametrize("part", ["losses", "modules"])
def test_a_fault_of_a_part_is_a_fact(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from surefoot.capture.losses import LossWatch
    from surefoot.capture.modules import ModuleWatch

    kind, name = {"losses": (LossWatch, "seen"), "modules": (ModuleWatch, "_enter")}[part]
    plain = trainings.digest("dropout")
    monkeypatch.setattr(kind, name, lambda *_: 1 / 0)
    with sf.watch(runs=tmp_path) as run:
        assert trainings.digest("dropout") == plain
    history = run.history()
    assert history is not None
    (defect,) = history.facts(Defect)
    assert (defect.subject, defect.count) == (part, 3)
    assert "ZeroDivisionError" in defect.message
    assert len(history.series("loss").finite) == 8


LOOP = """
import sys, time
import torch
weight = torch.zeros(50, requires_grad=True)
optimizer = torch.optim.SGD([weight], 0.001)
for step in range(int(sys.argv[1])):
    optimizer.zero_grad()
    ((weight - 1) ** 2).mean().backward()
    optimizer.step()
    time.sleep(0.001)
    if step % 10 == 0:
        print(step, time.time(), flush=True)
print("done", weight.sum().item())
"""


def test_nowhere_to_record(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(LOOP)
    (tmp_path / "taken").write_text("a file where the folder of runs should be")
    ended = process([*SUREFOOT, "run", "--runs", "taken", "train.py", "30"], tmp_path)
    assert (ended.code, ended.stdout) == (2, b"")  # before anything of the script has run
    assert "taken is no folder" in ended.said
    assert ended.said.count("\n") == 1


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(LOOP.replace("time.sleep(0.001)", "pass"))

    def little_room() -> None:
        # Writing past the limit fails as on a full disk.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    done = subprocess.run(
        [*SUREFOOT, "run", "--every", "1", "train.py", "12000"],
        cwd=tmp_path, capture_output=True, env=ENVIRONMENT, preexec_fn=little_room, timeout=200, check=False,
    )  # fmt: skip
    ended = Ended(done.stdout, done.stderr, done.returncode)
    assert ended.code == 0
    assert ended.stdout.splitlines()[-1].startswith(b"done")
    assert ended.said.count("recording has stopped") == 1, ended.said
    assert "Traceback" not in ended.said


def started(tmp_path: Path, steps: int = 100_000) -> subprocess.Popen[bytes]:
    (tmp_path / "train.py").write_text(LOOP)
    # A shell's background job ignores the interrupt, and its children inherit that.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen(
            [*SUREFOOT, "run", "train.py", str(steps)],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGINT, before)


def lines_of(child: subprocess.Popen[bytes], count: int) -> list[bytes]:
    assert child.stdout is not None
    return [child.stdout.readline() for _ in range(count)]


def test_a_killed_training_loses_a_second_at_the_most(tmp_path: Path) -> None:
    child = started(tmp_path)
    lines = lines_of(child, 150)
    child.kill()
    rest, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    seen = [line.split() for line in [*lines, *rest.splitlines()] if len(line.split()) == 2]
    last = float(seen[-1][1])
    kept = max(int(step) for step, when in seen if float(when) < last - 1.0)
    with open_run(find_run(tmp_path / "surefoot-runs", "last")) as reader:
        history = reader.history()
    series = history.series("loss")
    assert series.steps.tolist() == list(range(1, len(series) + 1))
    assert len(series) >= kept
    connection = sqlite3.connect(find_run(tmp_path / "surefoot-runs", "last") / "run.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    assert list_runs(tmp_path / "surefoot-runs")[0].status == "crashed"


def test_a_background_job_ignores_interrupts_as_under_python(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, signal\nimport torch\n"
        "print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)\nos.kill(os.getpid(), signal.SIGINT)\n"
        "torch.ones(1, requires_grad=True).sum().backward()\nprint('went on')\n"
    )
    said = [
        subprocess.run(
            [*command, "train.py"],
            cwd=tmp_path, capture_output=True, env=ENVIRONMENT, timeout=200, check=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        ).stdout
        for command in ([sys.executable], [*SUREFOOT, "run", "--quiet"])
    ]  # fmt: skip
    assert said[0].decode().splitlines() == ["True", "went on"]
    assert said[1] == said[0]


def test_an_interrupted_training(tmp_path: Path) -> None:
    child = started(tmp_path)
    lines_of(child, 20)
    time.sleep(0.3)  # into the middle of a step
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT  # as Python ends
    text = said.decode()
    assert text.count("Traceback") == 1
    assert "KeyboardInterrupt" in text
    assert "surefoot/c" not in text
    (run,) = list_runs(tmp_path / "surefoot-runs")
    assert run.status == "interrupted"
    assert run.steps > 150


def test_a_locked_file_is_waited_out(tmp_path: Path) -> None:
    child = started(tmp_path, 3000)
    lines_of(child, 30)
    database = find_run(tmp_path / "surefoot-runs", "last") / "run.db"
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    lines_of(child, 60)
    holder.execute("ROLLBACK")
    holder.close()
    out, said = child.communicate(timeout=120)
    assert child.returncode == 0, said
    assert out.splitlines()[-1].startswith(b"done")
    assert b"recording has stopped" not in said
    with open_run(database.parent) as reader:
        assert len(reader.history().series("loss")) == 3000
    assert os.listdir(tmp_path / "surefoot-runs") == [database.parent.name]
