"""The scoring of benchmarks/peers.py, with no peer installed: what counts as named, as main, as a false alarm."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from surefoot.rules.registry import all_rules

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CODES = {rule.code for rule in all_rules()}


@pytest.fixture(scope="module")
def benchmark() -> Iterator[ModuleType]:
    """benchmarks/peers.py as a module; the folder is no package."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        yield importlib.import_module("peers")
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def words(benchmark: ModuleType) -> ModuleType:
    return importlib.import_module("peer_words")


def test_every_meaning_is_a_code_of_ours(words: ModuleType) -> None:
    for table in (words.MEANINGS, words.ADVICE):
        for peer, kinds in table.items():
            for kind, codes in kinds.items():
                assert CODES.issuperset(codes), (peer, kind)
                assert len(set(codes)) == len(codes), (peer, kind)


def test_no_kind_is_both_finding_and_advice(words: ModuleType) -> None:
    for peer, kinds in words.ADVICE.items():
        assert not set(kinds) & set(words.MEANINGS[peer])


def test_the_main_finding_is_among_the_gravest(words: ModuleType) -> None:
    lower = [words.Message("GS005", "error"), words.Message("GS004", "warning")]
    assert words.found("gradsnitch", lower, ["overfitting"])
    assert not words.main_right("gradsnitch", lower, ["overfitting"])
    same = [words.Message("GS005", "warning"), words.Message("GS004", "warning")]
    assert words.main_right("gradsnitch", same, ["overfitting"]), "no order among equals"
    assert not words.found("gradsnitch", [], ["overfitting"])
    assert not words.main_right("gradsnitch", [], ["overfitting"])


def test_a_kind_that_is_not_listed_names_nothing_and_is_told(words: ModuleType) -> None:
    new = [words.Message("GS099", "error")]
    assert words.named("gradsnitch", "GS099") == ()
    assert words.unlisted("gradsnitch", new) == {"GS099"}
    assert words.unlisted("torch-audit", [words.Message("TA200", "warning")]) == set()
    assert words.false_alarms("gradsnitch", new, ()) == ["GS099"]


def test_false_alarms_leave_out_advice_information_and_what_is_allowed(words: ModuleType) -> None:
    said = [
        words.Message("TA200", "warning"),  # advice
        words.Message("TA103", "information"),
        words.Message("TA301", "error"),
        words.Message("TA102", "warning"),
    ]
    assert words.false_alarms("torch-audit", said, ()) == ["TA301", "TA102"]
    assert words.false_alarms("torch-audit", said, ["unnormalized-inputs"]) == ["TA102"]


def test_rows(benchmark: ModuleType, words: ModuleType) -> None:
    program, message = benchmark.faults.Program, words.Message
    flat = program("a faulty", Path("a.py"), ("lr-too-low",))
    leak = program("b faulty", Path("b.py"), ("missing-zero-grad",))
    sound = program("a fixed", Path("a2.py"), (), ("plateau",))
    other = program("c healthy", Path("c.py"))
    heard = [
        benchmark.Heard(flat, (message("GS005", "warning"),), 1),
        benchmark.Heard(leak, (), 0, "ValueError: its own"),
        benchmark.Heard(sound, (message("GS005", "warning"),), 1),
        benchmark.Heard(other, (message("GS006", "error"),), 1, "RuntimeError: the peer's"),
    ]
    row = benchmark.peer_row("gradsnitch", heard, alone=["b faulty"])
    assert row == words.Row("gradsnitch", main=1, found=1, faulty=2, alarms=1, sound=2, silent=1, broken=1)

    def score(of: object, *codes: str, status: str = "stopped", severity: str = "error") -> object:
        findings = tuple({"code": code, "severity": severity} for code in codes)
        return benchmark.faults.Score(of, findings, status=status)

    own = [
        score(flat, "plateau", "lr-too-low"),
        score(leak, "missing-zero-grad", status="failed"),
        score(sound, "plateau"),
        score(other, "frozen-parameters", severity="information"),
    ]
    assert benchmark.own_row(own, alone=["b faulty"]) == words.Row("surefoot", 1, 2, 2, 0, 2, 0, 0)
    assert benchmark.own_row(own).broken == 1

    table = benchmark.summary([row], {"gradsnitch": (5.0, 1.25), "gradsnitch each step": (5.0, 2.0)})
    assert table.splitlines()[-1] == (
        "| gradsnitch | 1 of 2 | 1 of 2 | 1 of 2 | 1 of 2 | 1 | 1.25, 2.00 (each step) |"
    )
    page = benchmark.details(own, {"gradsnitch": heard}).splitlines()
    assert page[2] == "| a faulty | lr-too-low | plateau, lr-too-low | **GS005** |"
    assert page[3] == "| b faulty | missing-zero-grad | **missing-zero-grad** | (nothing to attach to) |"
    assert page[4] == "| a fixed |  | - | - |"
    assert page[5] == "| c healthy |  | - | GS006 |"


def test_a_sample_is_spread_over_the_whole_list(benchmark: ModuleType) -> None:
    programs = [benchmark.faults.Program(str(i), Path()) for i in range(10)]
    assert [p.label for p in benchmark.sample(programs, 4)] == ["0", "2", "5", "7"]
    assert benchmark.sample(programs, None) == programs
    assert benchmark.sample(programs, 99) == programs


def test_a_peer_that_cannot_be_installed_gives_its_reason(
    benchmark: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(benchmark.PEERS, "nowhere", (str(tmp_path / "absent.whl"),))
    with pytest.raises(OSError, match=r"absent\.whl"):
        benchmark.environment(tmp_path, "nowhere")
    assert not (tmp_path / "nowhere" / ".installed").exists()


FAKE_PEER = """
import json
from types import SimpleNamespace

class Monitor:
    def __init__(self, model, optimizer, check_every):
        self.model, self.optimizer, self.rows = model, optimizer, []

    def log(self, step, loss, val_loss=None):
        gradients = sum(p.grad is not None for p in self.model.parameters())
        self.rows.append([step, loss, val_loss, gradients])

    def report(self):
        held = {id(p) for group in self.optimizer.param_groups for p in group["params"]}
        said = {"rows": self.rows, "own": {id(p) for p in self.model.parameters()} == held}
        return [SimpleNamespace(code="GS001", severity="error", name=json.dumps(said))]

def watch(model, optimizer, check_every):
    return Monitor(model, optimizer, check_every)
"""

SCRIPT = """
import torch
from torch import nn
torch.manual_seed(0)
x, y = torch.randn(32, 4), torch.randn(32, 1)
other = nn.Linear(2, 2)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
model(x)  # a look at the shapes
optimizer = torch.optim.SGD(model.parameters(), 0.1)
unrelated = torch.optim.SGD(other.parameters(), 0.1)
criterion = nn.MSELoss()
for step in range(50):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    {step}
    print(loss.item(), flush=True)
    with torch.no_grad():
        print(criterion(model(x), y).item(), flush=True)
"""


@pytest.mark.parametrize("steps", [True, False])
def test_a_peer_is_handed_what_its_user_would_hand_it(tmp_path: Path, steps: bool) -> None:
    (tmp_path / "gradsnitch.py").write_text(FAKE_PEER)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("{step}", "optimizer.step()" if steps else "pass"))
    ended = subprocess.run(
        [
            sys.executable,
            str(BENCHMARKS / "peer_doors.py"),
            "gradsnitch",
            str(script),
            "out.json",
            "--steps",
            "6",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"},
        check=False,
    )
    data = json.loads((tmp_path / "out.json").read_text())
    assert (data["error"], data["faults"], data["doors"], data["steps"]) == (None, [], 1, 6 if steps else 7)
    (message,) = data["messages"]
    assert (message["kind"], message["severity"]) == ("GS001", "error")
    said = json.loads(message["text"])
    assert said["own"], "the model's own optimizer, not the newest"
    printed = [float(line) for line in ended.stdout.splitlines()]
    losses, validation = printed[0::2], printed[1::2]
    rows = said["rows"]
    assert [row[0] for row in rows] == list(range(len(rows)))
    assert len(rows) == (6 if steps else 7)
    assert [row[1] for row in rows][: len(losses)] == pytest.approx(losses)
    assert rows[0][2] is None
    assert [row[2] for row in rows[1:]] == pytest.approx(validation[: len(rows) - 1])
    assert {row[3] for row in rows} == {4}, "logged while the gradients live"
