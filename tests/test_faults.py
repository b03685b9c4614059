"""Our own faulty, fixed and healthy trainings: folders as listed, and `surefoot check` right on a choice of them.

All of them are scored by `make faults`; here are the quickest, in forked children of one process.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from forked import Ended, Forks
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

# Each takes about a second of a processor; at least one program for nearly every rule.
QUICK_FAULTS = [
    "accelerate-no-step",
    "accumulate-in-trainer",
    "adapter-frozen",
    "all-weights-equal",
    "amp-no-step",
    "argmax-loss",
    "attention-wrong-axis",
    "batch-norm-of-two",
    "bias-minus-ten",
    "broadcast-by-hand",
    "clip-scaled-gradients",
    "clip-to-nothing",
    "constant-pixels-nan",
    "critic-relu",
    "decay-too-strong",
    "deep-no-norm-exploding",
    "deep-sigmoid-vanishing",
    "dqn-broadcast",
    "flow-wrong-sign",
    "folds-old-optimizer",
    "forgot-backward",
    "frozen-after-head",
    "functional-dropout-always",
    "gan-critic-uncleared",
    "gan-generator-stuck",
    "head-too-wide",
    "hidden-state-carried",
    "iris-by-hand",
    "iris-in-file-order",
    "kl-of-probabilities",
    "labels-from-one",
    "labels-one-two",
    "lbfgs-closure-empty",
    "linear-stack",
    "log-of-counts",
    "loss-rewrapped",
    "losses-kept",
    "memorised-noise",
    "minus-cross-entropy",
    "momentum-rate-too-high",
    "multilabel-softmax-bce",
    "never-unfrozen",
    "next-word-but-one",
    "nll-of-probabilities",
    "no-causal-mask",
    "one-corrupt-batch",
    "optimizer-per-batch",
    "optimizer-per-epoch",
    "padding-counted",
    "plateau-wrong-mode",
    "quality-threshold",
    "rare-class-ignored",
    "raw-features",
    "raw-targets",
    "regression-rate-too-high",
    "relu-on-scores",
    "rows-misaligned",
    "scaler-grows-each-step",
    "scheduler-at-epoch-start",
    "segmentation-softmax2d",
    "softmax-of-one",
    "softmax-overflow",
    "sum-of-squares",
    "summed-by-hand",
    "tanh-saturated",
    "teacher-with-dropout",
    "trainer-hooks-clear",
    "trainer-stays-in-eval",
    "two-epochs-only",
    "validation-not-scaled",
]
QUICK_SOUND = (
    "argmax-loss/fixed.py",
    "folds-old-optimizer/fixed.py",
    "healthy/actor_critic.py",
    "healthy/amp_float16.py",
    "healthy/distillation.py",
    "healthy/dqn_target.py",
    "healthy/ema_weights.py",
    "healthy/functional_by_hand.py",
    "healthy/graph_convolution.py",
    "healthy/log_softmax_cross_entropy.py",
    "healthy/mc_dropout.py",
    "healthy/reduce_on_plateau.py",
    "healthy/swa_update_bn.py",
    "healthy/truncated_bptt.py",
)


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """A process that has imported torch, and is forked for each program."""
    server = Forks()
    yield server
    server.close()


def check(forks: Forks, script: Path, scratch: Path) -> tuple[list[dict], Ended]:
    """Findings of `surefoot check`, and how it ended."""
    result = scratch / "result.json"
    ended = forks.surefoot(
        scratch, "check", "--runs", str(scratch / "runs"), "--json", str(result), str(script)
    )
    assert result.exists(), ended.said
    return json.loads(result.read_text())["findings"], ended


@pytest.mark.parametrize("name", QUICK_FAULTS)
def test_the_fault_is_the_main_finding(name: str, forks: Forks, tmp_path: Path) -> None:
    findings, ended = check(forks, FOLDER / name / "faulty.py", tmp_path)
    assert findings, ended.said
    assert findings[0]["code"] in FAULTS[name]["expect"]
    assert findings[0]["title"]
    assert findings[0]["fix"]
    grave = any(finding["severity"] != "information" for finding in findings)
    assert ended.code == int(grave), ended.said


@pytest.mark.parametrize("script", QUICK_SOUND)
def test_nothing_is_said_of_a_sound_program(script: str, forks: Forks, tmp_path: Path) -> None:
    findings, ended = check(forks, FOLDER / script, tmp_path)
    also = HEALTHY[Path(script).stem].get("also", []) if script.startswith("healthy/") else []
    assert [f["code"] for f in findings if f["severity"] != "information" and f["code"] not in also] == []
    assert ended.code == 0, ended.said


def test_a_process_of_its_own_says_the_same(tmp_path: Path) -> None:
    """As people start it: nothing imported before."""
    command = [sys.executable, "-m", "surefoot", "check", "--json", "result.json"]
    ended = subprocess.run(
        [*command, str(FOLDER / "bias-minus-ten" / "faulty.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    findings = json.loads((tmp_path / "result.json").read_text())["findings"]
    assert findings[0]["code"] in FAULTS["bias-minus-ten"]["expect"]
    assert ended.returncode == 1, ended.stderr


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
