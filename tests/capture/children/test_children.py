"""Processes that a script starts: observed without an edit, each with a run in the training's one folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from capture.twin import ENVIRONMENT, SUREFOOT
from surefoot.facts import Process, Processes
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs

TRAIN = """
import multiprocessing, os, subprocess, sys
def train(steps):
    import torch
    weight = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.SGD([weight], 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        ((weight - 1) ** 2).mean().backward()
        optimizer.step()
    print("trained", steps, flush=True)
    if steps == 15:
        raise ValueError("in the child")
"""
LAUNCHER = """
if sys.argv[1:] == ["work"]:
    train(12)
elif __name__ == "__main__":
    helper = "import json, sys; print(json.dumps([m for m in sys.modules if 'surefoot' in m] + sys.path[1:2]))"
    subprocess.run([sys.executable, "-c", helper], check=True)
    subprocess.run([sys.executable, __file__, "work"], check=True)
"""
STARTER = """
if __name__ == "__main__":
    import torch
    for name in ("PYTHONPATH", "SUREFOOT_TRAINING"):
        os.environ.pop(name)
    for start, steps in (("spawn", 14), ("fork", 15)):
        process = multiprocessing.get_context(start).Process(target=train, args=(steps,))
        process.start()
        process.join()
        print(start, process.exitcode)
"""


def surefoot(folder: Path, *arguments: str, path: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**ENVIRONMENT, "PYTHONPATH": path + os.pathsep + ENVIRONMENT.get("PYTHONPATH", "")}
    return subprocess.run(
        [*SUREFOOT, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.distributed
def test_a_launcher_that_never_imports_torch(tmp_path: Path) -> None:
    (tmp_path / "launch.py").write_text(TRAIN + LAUNCHER)
    (tmp_path / "shadowed").mkdir()
    (tmp_path / "shadowed" / "sitecustomize.py").write_text("print('theirs')")
    done = surefoot(tmp_path, "run", "launch.py", path=str(tmp_path / "shadowed"))
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines.count("theirs") == 3  # in surefoot's own process, in the helper and in the worker
    assert lines.count("trained 12") == 1
    assert json.loads(next(line for line in lines if line.startswith("["))) == [str(tmp_path / "shadowed")]
    (run,) = list_runs(tmp_path / "surefoot-runs")
    with open_run(find_run(tmp_path / "surefoot-runs", "last")) as reader:
        history = reader.history()
    assert (history.run.path, history.run.name) == (run.path, run.name)
    assert (history.run.status, history.run.steps, len(history.series("loss"))) == ("finished", 12, 12)
    assert done.stderr.count("surefoot: ") == 1, done.stderr
    assert "12 steps" in done.stderr


@pytest.mark.distributed
def test_an_emptied_environment_and_one_that_fails(tmp_path: Path) -> None:
    (tmp_path / "start.py").write_text(TRAIN + STARTER)
    done = surefoot(tmp_path, "run", "--name", "both", "start.py")
    assert done.stdout.splitlines() == ["trained 14", "spawn 0", "trained 15", "fork 1"], done.stderr
    assert done.stderr.count("surefoot: ") == 1, done.stderr
    assert "surefoot: process-2 failed at step 15 with ValueError: in the child" in done.stderr
    with open_run(tmp_path / "surefoot-runs" / "both") as reader:
        fact = reader.history().fact(Processes)
    assert fact is not None
    assert fact.trained == (
        Process(name="process", status="finished", steps=14, backwards=14),
        Process(name="process-2", status="failed", steps=15, backwards=15, error="ValueError: in the child"),
    )


def test_an_invitation_arrives_as_it_was_sent() -> None:
    from surefoot.capture.children.invitation import Invitation, invited

    sent = Invitation("1-2", "/runs", "a", limit=3, ignore=("lr-too-low",), thorough=True, max_norm=1.0)
    assert invited(sent.text()) == sent
    assert invited("not one") is None
    assert invited('{"key": 1, "colour": "red"}') is None


def test_nothing_begins_before_the_first_sign() -> None:
    import torch

    from surefoot.capture.children.signs import FirstSign

    begun: list[str] = []
    sign = FirstSign(lambda: begun.append("now"))
    before = torch.optim.Optimizer.__init__, torch.Tensor.backward, torch.autograd.grad
    sign.wait()
    torch.nn.Linear(2, 1)(torch.ones(1, 2)).sum()
    assert begun == []
    torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1)
    torch.ones(1, requires_grad=True).sum().backward()
    assert begun == ["now"]
    assert (torch.optim.Optimizer.__init__, torch.Tensor.backward, torch.autograd.grad) == before


def test_somebody_elses_wrapper_is_called_once() -> None:
    import torch

    from surefoot.capture.children.signs import FirstSign

    called: list[str] = []
    plain = torch.Tensor.backward
    sign = FirstSign(lambda: called.append("begun"))
    sign.wait()
    ours = torch.Tensor.backward

    def theirs(*args: object, **kwargs: object) -> object:
        called.append("theirs")
        return ours(*args, **kwargs)

    torch.Tensor.backward = theirs
    try:
        torch.ones(1, requires_grad=True).sum().backward()
    finally:
        torch.Tensor.backward = plain
    assert called == ["theirs", "begun"]


@pytest.mark.parametrize(
    ("error", "ended"),
    [
        (None, ("finished", 0, None)),
        (SystemExit(0), ("finished", 0, None)),
        (SystemExit(3), ("failed", 3, None)),
        (SystemExit("no"), ("failed", 1, None)),
        (KeyboardInterrupt(), ("interrupted", 130, "KeyboardInterrupt")),
    ],
)
def test_how_a_process_ended(error: BaseException | None, ended: tuple[str, int, str | None]) -> None:
    from surefoot.capture.children.child import how_it_ended

    assert how_it_ended(error) == ended


def caught_by_a_launcher() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        sys.exit(1)


def test_what_a_launcher_catches_before_it_exits_is_told() -> None:
    from surefoot.capture.children.child import how_it_ended

    with pytest.raises(SystemExit) as caught:
        caught_by_a_launcher()
    assert how_it_ended(caught.value) == ("failed", 1, "ValueError: no")
