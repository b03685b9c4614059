"""Faulty programs, edited as their findings ask: the finding is gone. benchmarks/edits.py tries all of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="edits need LibCST: pip install 'surefoot[edits]'")

from forked import Forks
from surefoot.edits import edit
from surefoot.edits.details import details
from surefoot.records import Finding
from surefoot.rules.places import place

FAULTS = Path(__file__).parents[1] / "faults"


@pytest.fixture(scope="module")
def forks():
    server = Forks()
    yield server
    server.close()


def found(forks, script, scratch):
    result = scratch / f"{script.stem}.json"
    forks.surefoot(scratch, "check", "--runs", str(scratch / "runs"), "--json", str(result), str(script))
    return json.loads(result.read_text())["findings"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("amp-no-step", "missing-step"),
        ("kl-of-probabilities", "kl-without-log"),
        ("dqn-broadcast", "broadcast-loss"),
        ("functional-dropout-always", "validate-in-train-mode"),
    ],
)
def test_the_finding_is_gone_from_the_edited_program(name, code, forks, tmp_path):
    script = FAULTS / name / "faulty.py"
    said = next(f for f in found(forks, script, tmp_path) if f["code"] == code)
    line = place(said["where"])[1]
    finding = Finding(code, "error", "", "", evidence=said["evidence"])
    made = edit(script.read_text(encoding="utf-8"), code, line, **details(finding))
    edited = tmp_path / "edited.py"
    edited.write_text(made.source, encoding="utf-8")
    assert code not in [f["code"] for f in found(forks, edited, tmp_path)]
