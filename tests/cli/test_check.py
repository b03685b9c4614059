"""`surefoot check` and the options of `surefoot run`: exit codes, files, one sentence for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from capture.twin import SUREFOOT, Ended, process
from surefoot.cli.split import split
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs

TRAIN = """
import argparse, sys
import torch
from torch import nn
from torch.nn import functional as F
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60)
parser.add_argument("--fault", default="")
arguments = parser.parse_args()
torch.manual_seed(0)
inputs = torch.randn(256, 8)
labels = (inputs[:, 0] > 0).long()
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))
optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
for step in range(arguments.steps):
    batch = torch.randint(0, 256, (64,))
    optimizer.zero_grad()
    loss = F.cross_entropy(model(inputs[batch]), labels[batch])
    loss.backward()
    if arguments.fault != "step":
        optimizer.step()
    if step == 30 and arguments.fault == "raise":
        raise ValueError("in the middle")
with torch.no_grad():
    print("accuracy", (model(inputs).argmax(1) == labels).float().mean().item() > 0.8)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "train.py").write_text(TRAIN)
    (folder / "nothing.py").write_text("print('no training here')")
    (folder / "loads.py").write_text("import torch\nprint(torch.ones(2).sum().item())")
    (folder / "wrong.py").write_text("def f(:\n    pass\n")
    return folder


def surefoot(folder: Path, *arguments: str) -> Ended:
    return process([*SUREFOOT, *arguments], folder)


def sentence(ended: Ended) -> str:
    """The one line that was said."""
    lines = ended.said.strip().splitlines()
    assert len(lines) == 1, ended.said
    assert lines[0].startswith("surefoot: ")
    return lines[0]


def test_a_healthy_script(folder: Path) -> None:
    ended = surefoot(
        folder,
        "check",
        "--runs",
        "healthy",
        "--steps",
        "40",
        "--json",
        "out.json",
        "train.py",
        "--steps",
        "70",
    )
    assert (ended.code, ended.stdout) == (0, b"")
    assert "healthy" in ended.said
    assert "\x1b" not in ended.said  # no terminal: no progress, no colours
    assert "\r" not in ended.said
    out = json.loads((folder / "out.json").read_text())
    assert out["schema"] == 1
    assert (out["status"], out["exit_code"], out["steps"], out["verdict"]) == ("stopped", 0, 40, "healthy")
    assert Path(out["run"]).is_dir()
    assert Path(out["script"]).name == "train.py"
    assert set(out["loss"]) >= {"first", "last", "best"}
    assert out["loss"]["last"] < out["loss"]["first"]
    assert out["val_loss"] is None
    assert out["clip_rate"] is None
    assert isinstance(out["grad_norm"], dict)
    assert [f for f in out["findings"] if f["severity"] != "information"] == []


def test_a_script_that_never_steps(folder: Path) -> None:
    ended = surefoot(folder, "check", "--runs", "stepless", "--json", "s.json", "--report", "s.html", "train.py",
                     "--fault", "step", "--steps", "100000")  # fmt: skip
    assert ended.code == 1
    out = json.loads((folder / "s.json").read_text())
    (finding,) = [f for f in out["findings"] if f["severity"] == "error"]
    assert set(finding) >= {"code", "severity", "title", "step", "evidence", "fix", "where"}
    assert finding["code"] == "missing-step"
    assert out["findings"][0] == finding
    assert out["steps"] == 0
    assert out["status"] == "stopped"
    (run,) = list_runs(folder / "stepless")
    assert run.backwards == 200
    assert "missing-step" in (folder / "s.html").read_text()


def test_what_could_not_run(folder: Path) -> None:
    assert "absent.py" in sentence(surefoot(folder, "check", "absent.py"))
    assert surefoot(folder, "check", "absent.py").code == 2
    assert "absent.module" in sentence(surefoot(folder, "check", "-m", "absent.module"))
    wrong = surefoot(folder, "check", "wrong.py")
    assert wrong.code == 2
    assert "line 1" in sentence(wrong)
    nothing = surefoot(folder, "check", "nothing.py")
    assert nothing.code == 2
    assert nothing.stdout == b"no training here\n"
    assert "torch was never imported" in sentence(nothing)
    loads = surefoot(folder, "check", "--runs", "none", "loads.py")
    assert loads.code == 2
    assert "no backward pass" in sentence(loads)
    assert not (folder / "none").exists()


def test_a_script_that_raises(folder: Path) -> None:
    ended = surefoot(folder, "check", "--runs", "raises", "train.py", "--fault", "raise")
    assert ended.code == 2
    assert "ValueError: in the middle" in ended.said
    assert "surefoot/c" not in ended.said  # no frame of its own
    (run,) = list_runs(folder / "raises")
    assert (run.status, run.exit_code, run.error, run.steps) == ("failed", 1, "ValueError: in the middle", 31)


def test_clipping_and_files(folder: Path) -> None:
    ended = surefoot(folder, "run", "--runs", "kept", "--name", "first", "--autoclip", "--report", "r.html",
                     "--json", "r.json", "--every", "5", "train.py")  # fmt: skip
    assert (ended.code, ended.stdout) == (0, b"accuracy True\n")
    with open_run(find_run(folder / "kept", "first")) as reader:
        history = reader.history()
    assert len(history.series("clip_factor").finite) == 60
    assert (
        history.parameter_layer("grad_norm").steps[-1] - history.parameter_layer("grad_norm").steps[-2] == 5
    )
    assert (history.run.status, history.run.exit_code, history.run.source) == ("finished", 0, TRAIN)
    out = json.loads((folder / "r.json").read_text())
    assert 0 < out["clip_rate"] <= 1
    assert "<script" in (folder / "r.html").read_text()
    assert "first" in ended.said
    ended = surefoot(folder, "run", "-q", "--runs", "kept", "--name", "second", "--max-norm", "0.01", "--steps", "7",
                     "train.py")  # fmt: skip
    assert (ended.code, ended.stdout, ended.said) == (0, b"", "")
    with open_run(find_run(folder / "kept", "second")) as reader:
        history = reader.history()
    assert history.series("clip_threshold").values.tolist() == pytest.approx([0.01] * 7)
    assert (history.run.status, history.run.steps) == ("stopped", 7)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "no script"),
        (["run", "--autoclip", "5", "--max-norm", "1", "nothing.py"], "choose one"),
        (["run", "--max-norm", "0", "nothing.py"], "greater than 0"),
        (["run", "--max-norm", "nan", "nothing.py"], "greater than 0"),
        (["run", "--autoclip", "101", "nothing.py"], "--autoclip"),
        (["run", "--steps", "0", "nothing.py"], "--steps"),
        (["run", "--steps", "many", "nothing.py"], "--steps"),
        (["run", "--every", "-1", "nothing.py"], "--every"),
        (["run", "--report", "no/folder/r.html", "nothing.py"], "does not exist"),
        (["run", "--json", "no/folder/r.json", "nothing.py"], "does not exist"),
        (["check", "--ignore", "no-such-code", "nothing.py"], "no-such-code"),
        (["check", "--format", "xml", "nothing.py"], "xml"),
        (["run", "--no-such-option", "nothing.py"], "--no-such-option"),
        (["run", "-m"], "-m"),
        (["run", "."], "__main__.py"),
        (["runs", "--runs"], "--runs"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_bad_options(
    arguments: list[str],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from surefoot.cli import main

    monkeypatch.chdir(folder)
    assert main._main(arguments) == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert words in sentence(Ended(b"", said.err.encode(), 2))


def test_where_the_scripts_own_arguments_begin() -> None:
    takes = {"--autoclip": True, "--steps": True, "--quiet": False, "--runs": True}
    optional = {"--autoclip": "10"}

    def own(*arguments: str) -> tuple[list[str], str | None, tuple[str, ...]]:
        found, target = split(list(arguments), takes, optional)
        return found, target.name if target else None, target.arguments if target else ()

    assert own("--autoclip", "train.py", "--steps", "3") == (
        ["--autoclip", "10"],
        "train.py",
        ("--steps", "3"),
    )
    assert own("--autoclip", "25", "train.py") == (["--autoclip", "25"], "train.py", ())
    assert own("--autoclip=5", "train.py", "1") == (["--autoclip=5"], "train.py", ("1",))
    assert own("--autoclip", "--quiet", "7.py") == (["--autoclip", "10", "--quiet"], "7.py", ())
    assert own("--autoclip", "1e1", "a") == (["--autoclip", "1e1"], "a", ())
    assert own("--steps", "5", "--", "-odd.py", "--", "x") == (["--steps", "5"], "-odd.py", ("--", "x"))
    assert own("--runs", "x", "-m", "a.b", "-m", "c") == (["--runs", "x"], "a.b", ("-m", "c"))
    assert own("--autoclip", "-m", "a") == (["--autoclip", "10"], "a", ())
    assert own() == ([], None, ())
