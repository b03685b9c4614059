"""What the commands say of a training that was not recorded to its end, and how `check` ends."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf
from capture.twin import SUREFOOT, process
from surefoot.cli import main
from surefoot.errors import StoreError
from surefoot.store import reserve
from surefoot.store.writer import RunWriter

TRAIN = """
import os, sys, time
import torch

torch.manual_seed(0)
torch.set_num_threads(1)
what, at = sys.argv[1], int(sys.argv[2])
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.05)
inputs = torch.randn(32, 4)
for step in range(1, 41):
    if step > at:
        if what == "raise":
            raise ValueError("in the middle")
        if what == "exit":
            sys.exit(3)
        if what == "interrupt":
            raise KeyboardInterrupt
        if what == "end":
            break
        if what == "kill":
            time.sleep(1.5)  # longer than a row waits
            os.kill(os.getpid(), 9)
    optimizer.zero_grad()
    ((model(inputs) - inputs.sum(1, keepdim=True)) ** 2).mean().backward()
    optimizer.step()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verdicts")
    (folder / "train.py").write_text(TRAIN)
    (folder / "nothing.py").write_text("import torch\n")
    (folder / "no_torch.py").write_text("pass\n")
    (folder / "child.py").write_text(
        "import subprocess, sys, torch\nsubprocess.run([sys.executable, 'train.py', 'end', '20'], check=True)\n"
    )
    return folder


@pytest.mark.parametrize(
    ("arguments", "code", "extent", "said"),
    [
        (["train.py", "end", "30"], 0, "whole", "healthy"),
        (["train.py", "end", "1"], 2, "too short", "too short to judge: 1 step"),
        (["train.py", "raise", "30"], 2, "failed", "the script failed at step 30 with ValueError: in the middle"),
        (["train.py", "exit", "30"], 2, "failed", "the script failed at step 30 with exit code 3"),
        (["nothing.py"], 2, "nothing trained", "no backward pass was seen;"),
        (["no_torch.py"], 2, "nothing trained", "torch was never imported"),
        (["child.py"], 0, "whole", "trained      20 steps"),
    ],
)  # fmt: skip
def test_check(arguments: list[str], code: int, extent: str, said: str, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.json"
    ended = process([*SUREFOOT, "check", "--runs", "runs", "--json", str(out), *arguments], folder)
    assert ended.code == code, ended.said
    assert said in ended.said
    document = json.loads(out.read_text())
    assert (document["extent"], document["verdict"]) == (extent, "healthy" if code == 0 else "unknown")


def test_interrupted(folder: Path) -> None:
    ended = process(
        [*SUREFOOT, "run", "--runs", "interrupted", "--name", "a", "train.py", "interrupt", "30"], folder
    )
    assert ended.code == -signal.SIGINT
    assert "surefoot: interrupted at step 30\n" in ended.said


def test_killed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ended = process([*SUREFOOT, "run", "--runs", "killed", "--name", "a", "train.py", "kill", "30"], folder)
    assert ended.code == -signal.SIGKILL
    assert main._main(["show", "a", "--runs", str(folder / "killed")]) == 0
    assert "recording ended at step 30; how the training ended is not known" in capfd.readouterr().out
    assert main._main(["runs", "--runs", str(folder / "killed")]) == 0
    assert "end unknown" in capfd.readouterr().out


def fails_after(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full from the given write on, until what was kept back is given back."""
    write, finish = RunWriter.write, RunWriter.finish
    writes = 0

    def full(writer: RunWriter) -> bool:
        return writes > count and not _freed(writer)

    def limited(writer: RunWriter, *args: object, **kwargs: object) -> None:
        nonlocal writes
        writes += 1
        if full(writer):
            raise StoreError("the disk is full.")
        write(writer, *args, **kwargs)  # type: ignore[arg-type]

    def ended(writer: RunWriter, *args: object, **kwargs: object) -> None:
        if full(writer):
            raise StoreError("the disk is full.")
        finish(writer, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(RunWriter, "write", limited)
    monkeypatch.setattr(RunWriter, "finish", ended)


def _freed(writer: RunWriter) -> bool:
    return KEPT and writer.path is not None and not (writer.path / reserve.NAME).exists()


KEPT = True


@pytest.mark.parametrize("kept", [True, False])
def test_recording_that_stopped(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "KEPT", kept)
    fails_after(1, monkeypatch)
    torch.manual_seed(0)
    model, inputs = nn.Linear(4, 1), torch.randn(32, 4)
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    with sf.watch(model, optimizer, runs=tmp_path, name="a") as run:
        for step in range(40):
            optimizer.zero_grad()
            (model(inputs) - inputs.sum(1, keepdim=True)).square().mean().backward()
            optimizer.step()
            if step == 19:
                run.recorder.flush(facts=True)
            if step == 29:
                run.recorder.flush()
    assert capfd.readouterr().err.count("recording has stopped") == 1
    until = run.verdict.steps
    assert 20 <= until < 30
    assert (run.verdict.word, run.verdict.extent) == ("unknown", "recording stopped")
    assert run.verdict.said == f"recording stopped at step {until}"
    assert run.verdict.reason == "the disk is full."
    assert [file.name for file in (tmp_path / "a").iterdir() if "reserve" in file.name] == []
    # What somebody is told who comes later, and knows the file alone.
    monkeypatch.setattr("surefoot.store.reader.is_gone", lambda process: True)
    assert main._main(["show", "a", "--runs", str(tmp_path)]) == 0
    said = capfd.readouterr().out
    if kept:
        assert f"surefoot: recording stopped at step {until}\n" in said
        assert "the training went on: the disk is full." in said
    else:
        assert f"recording ended at step {until}; how the training ended is not known" in said
    assert "healthy" not in said
    assert main._main(["runs", "--runs", str(tmp_path)]) == 0
    assert ("recording stopped" if kept else "end unknown") in capfd.readouterr().out


KILLED_FAULTY = """
import os, signal, time, torch
torch.manual_seed(0)
inputs = torch.randn(64, 4)
model = torch.nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.05)
for step in range(60):
    torch.nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True)).backward()
    optimizer.step()
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_runs_finding_is_listed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "faulty.py").write_text(KILLED_FAULTY)
    process([*SUREFOOT, "run", "--runs", "killed", "--name", "a", "faulty.py"], tmp_path)
    assert main._main(["runs", "--json", "--runs", str(tmp_path / "killed")]) == 0
    (listed,) = json.loads(capfd.readouterr().out)
    assert listed["main_finding"] == "missing-zero-grad"
