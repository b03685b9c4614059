"""Our own faulty, fixed and healthy trainings: folders as listed, and `surefoot check` right on a choice of them.

All of them are scored by `make faults`; here are a few that span wiring, dynamics and healthy programs.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from surefoot.rules.registry import all_rules

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

FOLDER = Path(__file__).parent / "faults"
LISTED = tomllib.loads((FOLDER / "faults.toml").read_text(encoding="utf-8"))
FAULTS = {fault["name"]: fault for fault in LISTED["fault"]}
HEALTHY = {program["name"]: program for program in LISTED["healthy"]}
EXTENSION = "extension"  # rules that other packages bring are not ours to test

QUICK_FAULTS = (
    "iris-by-hand",  # raw tensors, no module, no optimizer
    "argmax-loss",
    "folds-old-optimizer",
    "labels-from-one",  # the script itself raises
    "bias-minus-ten",
    "all-weights-equal",
)
QUICK_SOUND = (
    "argmax-loss/fixed.py",
    "folds-old-optimizer/fixed.py",
    "healthy/actor_critic.py",
    "healthy/log_softmax_cross_entropy.py",
)


def check(script: Path, scratch: Path) -> tuple[list[dict], int, str]:
    """Findings, exit code and standard error of `surefoot check`."""
    result = scratch / "result.json"
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "surefoot",
            "check",
            "--runs",
            str(scratch / "runs"),
            "--json",
            str(result),
            str(script),
        ],
        capture_output=True,
        text=True,
        cwd=scratch,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert result.exists(), ended.stderr
    return json.loads(result.read_text())["findings"], ended.returncode, ended.stderr


@pytest.mark.parametrize("name", QUICK_FAULTS)
def test_the_fault_is_the_main_finding(name: str, tmp_path: Path) -> None:
    findings, exit_code, stderr = check(FOLDER / name / "faulty.py", tmp_path)
    assert findings, stderr
    assert findings[0]["code"] in FAULTS[name]["expect"]
    assert findings[0]["title"]
    assert findings[0]["fix"]
    assert exit_code == 1


@pytest.mark.parametrize("script", QUICK_SOUND)
def test_nothing_is_said_of_a_sound_program(script: str, tmp_path: Path) -> None:
    findings, exit_code, stderr = check(FOLDER / script, tmp_path)
    assert [f["code"] for f in findings if f["severity"] != "information"] == []
    assert exit_code == 0, stderr


def test_list_and_folders_agree() -> None:
    folders = {p.name for p in FOLDER.iterdir() if p.is_dir()} - {"healthy", "__pycache__"}
    assert folders == set(FAULTS)
    assert {p.stem for p in (FOLDER / "healthy").glob("*.py")} == set(HEALTHY)
    assert len(FAULTS) == len(LISTED["fault"])
    assert len(HEALTHY) == len(LISTED["healthy"])
    for name in FAULTS:
        files = {p.name for p in (FOLDER / name).glob("*.py")}
        assert files in ({"faulty.py"}, {"faulty.py", "fixed.py"}), name


def test_every_entry_says_what_is_right() -> None:
    codes = {rule.code for rule in all_rules()}
    for fault in FAULTS.values():
        assert fault["expect"], fault["name"]
        assert codes.issuperset([*fault["expect"], *fault["also"]]), fault["name"]
        assert fault["source"], fault["name"]
        assert fault["symptom"], fault["name"]
    for program in HEALTHY.values():
        assert codes.issuperset(program.get("also", ())), program["name"]
        assert program["why"], program["name"]


def test_every_rule_is_expected_by_some_program() -> None:
    expected = {code for fault in FAULTS.values() for code in fault["expect"]}
    assert {rule.code for rule in all_rules() if rule.group != EXTENSION} - expected == set()


def test_no_script_is_empty() -> None:
    for script in FOLDER.rglob("*.py"):
        assert ast.parse(script.read_text(encoding="utf-8")).body, script


def test_a_fixed_form_differs_from_its_fault() -> None:
    for name in FAULTS:
        fixed = FOLDER / name / "fixed.py"
        if fixed.exists():
            faulty = (FOLDER / name / "faulty.py").read_text(encoding="utf-8")
            assert ast.dump(ast.parse(faulty)) != ast.dump(ast.parse(fixed.read_text(encoding="utf-8"))), name
