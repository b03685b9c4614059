"""The commands that read recorded runs: what they print, and one sentence for a run that cannot be read."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot import rules
from surefoot.cli import main


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, the second one faulty."""
    folder = tmp_path_factory.mktemp("recorded")
    torch.manual_seed(0)
    inputs = torch.randn(64, 4)
    targets = inputs.sum(1, keepdim=True)
    for name, clear in (("first", True), ("second", False)):
        model = nn.Linear(4, 1)
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        with sf.watch(model, optimizer, runs=folder / "runs", name=name):
            for _ in range(40):
                if clear:
                    optimizer.zero_grad()
                nn.functional.mse_loss(model(inputs), targets).backward()
                optimizer.step()
    return folder


@pytest.fixture
def surefoot(recorded: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command in a copy of the folder; gives code, stdout, stderr."""
    monkeypatch.chdir(recorded)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main._main(list(arguments))
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def test_runs(surefoot) -> None:  # type: ignore[no-untyped-def]
    code, out, err = surefoot("runs", "--runs", "runs")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].split()[:3] == ["second", "finished", "40"]  # newest first
    assert lines[2].split()[:3] == ["first", "finished", "40"]
    assert lines[1].split()[4:6] == ["error", "missing-zero-grad"]
    assert lines[2].split()[4] == "healthy"
    code, out, _ = surefoot("runs", "--runs", "runs", "--json")
    listed = json.loads(out)
    assert [(run["verdict"], run["main_finding"]) for run in listed] == [
        ("error", "missing-zero-grad"), ("healthy", None)
    ]  # fmt: skip
    assert [(run["name"], run["steps"], run["status"]) for run in listed] == [
        ("second", 40, "finished"), ("first", 40, "finished")
    ]  # fmt: skip
    assert surefoot("runs", "--runs", "nowhere")[0] == 0
    assert json.loads(surefoot("runs", "--runs", "nowhere", "--json")[1]) == []


def test_show_and_doctor(surefoot, recorded: Path) -> None:  # type: ignore[no-untyped-def]
    for reference in ("first", str(recorded / "runs" / "first"), "fir"):
        code, out, err = surefoot("show", reference, "--runs", "runs")
        assert (code, err) == (0, "")
        assert "40 steps" in out
    code, out, _ = surefoot("show", "last", "--runs", "runs", "--json")
    shown = json.loads(out)
    assert (code, shown["schema"], shown["steps"], shown["status"]) == (0, 1, 40, "finished")
    code, out, _ = surefoot("doctor", "second", "--runs", "runs", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["findings"][0]["code"] == "missing-zero-grad"
    assert found["findings"] == shown["findings"]
    code, out, _ = surefoot("doctor", "--runs", "runs")
    assert "missing-zero-grad" in out
    code, out, _ = surefoot("doctor", "--runs", "runs", "--ignore", "missing-zero-grad", "--json")
    assert all(finding["code"] != "missing-zero-grad" for finding in json.loads(out)["findings"])
    assert json.loads(surefoot("doctor", "first", "--runs", "runs", "--json")[1])["verdict"] == "healthy"


def test_explain(surefoot) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = surefoot("explain", "missing-zero-grad")
    assert code == 0
    for heading in ("What it finds", "Why it matters", "What to try", "When to ignore it", "Source"):
        assert heading in out
    code, out, _ = surefoot("explain")
    assert {line.split()[0] for line in out.splitlines() if line.strip()} >= {
        r.code for r in rules.all_rules()
    }
    code, out, err = surefoot("explain", "missing-zero-gard")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_report(surefoot, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = surefoot("report", "second", "--runs", "runs", "-o", str(tmp_path / "r.html"))
    assert (code, out.strip()) == (0, str(tmp_path / "r.html"))
    text = (tmp_path / "r.html").read_text()
    assert "missing-zero-grad" in text
    assert 'src="http' not in text
    code, out, err = surefoot("report", "second", "--runs", "runs", "-o", str(tmp_path / "no" / "r.html"))
    assert (code, err.count("\n")) == (2, 1)


def _missing(folder: Path) -> None:
    shutil.rmtree(folder)


def _empty(folder: Path) -> None:
    (folder / "run.db").unlink()


def _corrupt(folder: Path) -> None:
    data = bytearray((folder / "run.db").read_bytes())
    data[:4096] = b"not a database at all" * 195 + b"x"
    (folder / "run.db").write_bytes(bytes(data))


def _newer(folder: Path) -> None:
    connection = sqlite3.connect(folder / "run.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.commit()
    connection.close()


@pytest.mark.parametrize("break_it", [_missing, _empty, _corrupt, _newer])
@pytest.mark.parametrize("command", ["show", "doctor", "report"])
def test_a_run_that_cannot_be_read(  # type: ignore[no-untyped-def]
    break_it, command: str, surefoot, recorded: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    shutil.copytree(recorded / "runs", runs)
    break_it(runs / "second")
    more = ["-o", str(tmp_path / "r.html")] if command == "report" else []
    code, out, err = surefoot(command, str(runs / "second"), *more)
    assert (code, out) == (2, "")
    assert err.startswith("surefoot: ")
    assert err.count("\n") == 1, err
    # The others are listed all the same.
    code, out, err = surefoot("runs", "--runs", str(runs), "--json")
    assert code == 0
    assert "first" in [run["name"] for run in json.loads(out)]
    code, out, err = surefoot("runs", "--runs", str(runs))
    assert (code, err) == (0, "")
    assert break_it in (_missing, _empty) or "unreadable" in out


def test_no_such_run(surefoot) -> None:  # type: ignore[no-untyped-def]
    for arguments in (
        ["show", "absent", "--runs", "runs"],
        ["show", "last", "--runs", "nowhere"],
        ["doctor", "/no/such"],
    ):
        code, out, err = surefoot(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)


def test_help_and_version(surefoot) -> None:  # type: ignore[no-untyped-def]
    assert surefoot("--version")[1].strip() == f"surefoot {sf.__version__}"
    code, out, _ = surefoot("--help")
    assert code == 0
    for command in ("run", "check", "runs", "show", "doctor", "explain", "report"):
        assert command in out
    assert "--autoclip" in surefoot("run", "--help")[1]
