"""`surefoot compare` on real trainings: a fault and its fix, a repetition, one changed line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import surefoot as sf
from capture.twin import SUREFOOT, process

from .answers import answer, faults

FIXED = """
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
torch.set_num_threads(1)
torch.manual_seed(0)
inputs = torch.randn(240, 6)
labels = (inputs[:, 0] + inputs[:, 1] > 0).long()
train = DataLoader(TensorDataset(inputs[:200], labels[:200]), batch_size=20, shuffle=True)
valid = DataLoader(TensorDataset(inputs[200:], labels[200:]), batch_size=40)
model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
for epoch in range(6):
    for x, y in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print(epoch, sum(nn.functional.cross_entropy(model(x), y).item() for x, y in valid))
"""
SCRIPTS = {
    "faulty": FIXED.replace("        optimizer.zero_grad()\n", ""),
    "fixed": FIXED,
    "line": FIXED.replace("optimizer =", "model[2].weight.data *= 1.01\noptimizer ="),
    "fails": FIXED.replace(
        "    with torch", "    if epoch == 2: raise ValueError('on purpose')\n    with torch"
    ),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of each script, and "again", the fixed one once more."""
    folder = tmp_path_factory.mktemp("compared")
    for name, script in (*((name, name) for name in SCRIPTS), ("again", "fixed")):
        (folder / f"{script}.py").write_text(SCRIPTS[script])
        done = process([*SUREFOOT, "run", "--quiet", "--name", name, f"{script}.py"], folder)
        assert done.code == (1 if name == "fails" else 0), done.said
    return folder


@pytest.fixture(autouse=True)
def _there(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(recorded)


def test_the_first_line_says_whether_it_helped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")  # a pipe of no width gets whole lines
    code, out, err = answer(["compare", "faulty", "fixed"])
    assert (code, err) == (0, "")
    first = " ".join(out[: out.index("\n\n")].split())
    assert first.startswith("surefoot: better: validation loss ")
    assert first.endswith("after 60 steps; missing-zero-grad is gone, nothing new")
    assert "+        optimizer.zero_grad()" in out
    assert "they part at step 2: gradient norm" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 80
    assert "\x1b" not in out


def test_equal_seeds_are_the_same_to_the_end() -> None:
    code, out, _ = answer(["compare", "fixed", "again"])
    assert code == 0
    said = "the same training twice: the same to the last digit until the end (step 60)"
    assert said in " ".join(out.split())


def test_one_changed_line_is_found_at_its_first_step_and_parameter() -> None:
    comparison = sf.compare("fixed", "line")
    (pair,) = comparison.pairs
    assert pair.parting is not None
    first = pair.parting.first
    assert first is not None
    assert (first.quantity, first.parameter, first.step, first.others) == ("weight norm", "2.weight", 1, 0)
    assert first.values[1] == pytest.approx(1.01 * first.values[0])
    assert "+model[2].weight.data *= 1.01" in pair.code
    assert str(comparison) == comparison.said


def test_json_is_strict_and_complete() -> None:
    code, out, err = answer(["compare", "--json", "faulty", "fixed", "fails"])
    assert (code, err) == (0, "")
    document = json.loads(out, parse_constant=pytest.fail)
    assert [run["label"] for run in document["runs"]] == ["faulty", "fixed", "fails"]
    better, failed = document["pairs"]
    assert better["word"] == "better"
    assert better["objective"]["name"] == "validation loss"
    assert [finding["code"] for finding in better["findings"]["gone"]] == ["missing-zero-grad"]
    assert better["parting"]["first"]["step"] == 2
    assert (failed["word"], failed["reason"]) == ("worse", "fails failed")


def test_a_page(tmp_path: Path) -> None:
    page = tmp_path / "compare.html"
    code, out, err = answer(["compare", "faulty", "fixed", "-o", str(page)])
    assert (code, err) == (0, "")
    assert out.replace("\n", "").endswith(f"wrote {page}")
    assert "missing-zero-grad is gone" in page.read_text(encoding="utf-8")
    code, out, err = answer(["compare", "faulty", "fixed", "-o", str(tmp_path / "nowhere" / "x.html")])
    assert (code, out) == (2, "")


def test_fail_if_worse() -> None:
    code, out, err = answer(["compare", "fixed", "faulty", "--fail-if-worse", "5%"])
    assert code == 1
    assert err.startswith("surefoot: faulty is ")
    assert "% worse (limit 5 %): validation loss" in err
    code, out, err = answer(["compare", "faulty", "fixed", "--fail-if-worse", "0.05"])
    assert (code, err) == (0, "")
    assert "better (limit 5 %): validation loss" in out
    code, out, _ = answer(["compare", "fixed", "again", "--fail-if-worse", "0%", "--json"])
    assert (code, json.loads(out)["limit"]["failed"]) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fixed"], "at least two runs"),
        ([], "compare --help lists the options"),
        (["fixed", "nobody"], "there is no run 'nobody'"),
        (["fixed", "f"], "'f' fits"),
        (["fixed", "again", "--fail-if-worse", "much"], "--fail-if-worse much is no limit"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], said: str) -> None:
    code, out, err = answer(["compare", *arguments])
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_damaged_run_is_one_sentence(recorded: Path, tmp_path: Path) -> None:
    broken = Path(shutil.copytree(recorded / "surefoot-runs" / "fixed", tmp_path / "broken"))
    (broken / "run.db").write_bytes((broken / "run.db").read_bytes()[:5000])
    for arguments in (["compare", "fixed", str(broken)], ["compare", str(broken), "fixed", "--json"]):
        assert not faults(arguments, *answer(arguments))
        assert answer(arguments)[0] == 2


def test_twenty_runs_in_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, out, err = answer(["compare", *["fixed", "again", "faulty", "line"] * 5])
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    assert out.count("(the same once more)") == 5
