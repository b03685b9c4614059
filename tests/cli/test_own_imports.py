"""Files beside the script named like modules of ours, and ends that fail: the script runs and ends as under Python."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from tests.capture.twin import SUREFOOT, plainly, process

import surefoot as sf
from surefoot import rules

TRAIN = """
import sys, torch
sys.path.append("nowhere")
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(20):
    optimizer.zero_grad()
    model(torch.ones(4, 3)).pow(2).mean().backward()
    optimizer.step()
print("trained")
"""
# None of them is imported by torch, which would stumble over them under Python as well.
NAMES = (
    "html",
    "jinja2",
    "markdown_it",
    "markupsafe",
    "rich",
    "sqlite3",
    "tomllib",
    "records",
    "graphlib",
)
AT_EXIT = """
import atexit
def last():
    import html, jinja2
    print(html.MINE, jinja2.MINE)
atexit.register(last)
"""


def shadow(folder: Path, body: str) -> None:
    for name in NAMES:
        (folder / f"{name}.py").write_text(body.format(name=name))
    (folder / "rich.py").unlink()
    (folder / "rich").mkdir()
    (folder / "rich" / "__init__.py").write_text(body.format(name="rich"))


@pytest.mark.parametrize(
    ("imported", "module"), [("never", False), ("before", False), ("after", True), ("at exit", False)]
)
def test_the_scripts_files_are_its_own(imported: str, module: bool, tmp_path: Path) -> None:
    shadow(tmp_path, "MINE = 'my own {name}'\n")
    own = f"import {', '.join(NAMES)}\nprint({' , '.join(f'{name}.MINE' for name in NAMES)})\n"
    parts = {"never": TRAIN, "before": own + TRAIN, "after": TRAIN + own, "at exit": AT_EXIT + TRAIN}
    (tmp_path / "train.py").write_text(parts[imported])
    target = ("-m", "train") if module else ("train.py",)
    plain = plainly(tmp_path, *target)
    assert plain.code == 0, plain.said
    options = ("--json", "out.json", "--report", "out.html", "--runs", "runs")
    seen = process([*SUREFOOT, "run", *options, *target], tmp_path)
    assert (seen.code, seen.stdout) == (0, plain.stdout), seen.said
    assert "Traceback" not in seen.said
    assert "could not" not in seen.said
    assert "20 steps" in seen.said
    assert json.loads((tmp_path / "out.json").read_text())["steps"] == 20
    assert "<html" in (tmp_path / "out.html").read_text()


def test_files_that_fail_when_they_are_imported(tmp_path: Path) -> None:
    shadow(tmp_path, "raise SystemExit(3)\n")
    (tmp_path / "train.py").write_text(TRAIN)
    seen = process([*SUREFOOT, "run", "--report", "out.html", "train.py"], tmp_path)
    assert (seen.code, seen.stdout) == (0, b"trained\n"), seen.said
    assert "20 steps" in seen.said
    assert (tmp_path / "out.html").exists()


BROKEN = """
import surefoot.{module} as module
def broken(*args, **kwargs):
    raise {error}("a bug of ours")
setattr(module, {name!r}, broken)
"""


@pytest.mark.parametrize(
    ("module", "name", "error"),
    [("rules", "diagnose", "SystemExit"), ("report.text", "verdict_text", "ValueError"),
     ("report.json", "dumps", "KeyError"), ("report.html", "render", "ImportError"),
     ("capture.observation", "seeds", "ValueError"), ("capture.observation", "open_run", "SystemExit"),
     ("cli.run", "judge", "ValueError")],
)  # fmt: skip
def test_an_end_that_fails_costs_a_sentence(module: str, name: str, error: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        TRAIN + BROKEN.format(module=module, name=name, error=error) + "sys.exit(5)\n"
    )
    options = ("--json", "out.json", "--report", "out.html", "--runs", "runs", "--name", "it")
    seen = process([*SUREFOOT, "run", *options, "train.py"], tmp_path)
    assert (seen.code, seen.stdout) == (5, b"trained\n"), seen.said
    assert seen.said.count("a bug of ours") >= 1
    assert "Traceback" not in seen.said
    connection = sqlite3.connect(tmp_path / "runs" / "it" / "run.db")
    assert connection.execute("SELECT status, exit_code, steps FROM run").fetchone() == ("failed", 5, 20)
    connection.close()


def test_closing_in_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    run = sf.watch(runs=tmp_path)
    monkeypatch.setattr(rules, "diagnose", lambda *_, **__: 1 / 0)
    run.close()
    assert (
        capfd.readouterr().err
        == "surefoot: the run could not be closed as it should: ZeroDivisionError: division by zero\n"
    )
    assert run.findings == ()
