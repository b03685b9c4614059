"""Sweeps of scripts as they are, each member in a process of its own."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

import surefoot as sf
from surefoot.comparison import compare
from surefoot.diagnosis import history_of
from surefoot.errors import ScriptError, SettingError
from surefoot.search import Sweep
from surefoot.search.json import summary
from surefoot.search.terminal import text

SCRIPT = """
import argparse, os, signal, sys
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=4)
parser.add_argument("--epochs", type=int, default=6)
width, epochs = parser.parse_args().width, parser.parse_args().epochs
print("member", os.environ["SUREFOOT_MEMBER"], "of width", width)
if width == 5:
    raise RuntimeError("no such width")
if width == 7 and not os.path.exists("go-on"):
    os.kill(os.getpid(), signal.SIGKILL)
torch.manual_seed(3)
x = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
y = x.sum(1, keepdim=True)
model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.125)
for epoch in range(epochs):
    model.train()
    for k in range(4):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[12 * k : 12 * k + 12]), y[12 * k : 12 * k + 12])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val_loss = nn.functional.mse_loss(model(x[48:]), y[48:]).item()
    print("val", val_loss)
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scripts") / "train.py"
    path.write_text(SCRIPT, encoding="utf-8")
    return path


def swept(script: Path, told: list[str]) -> Sweep:
    return sf.sweep(
        script,
        arguments=["--epochs", "5"],
        lr=[0.125, 1e9],
        vary={"--width": [4, 5, 7]},
        runs=script.parent / "runs",
        jobs=2,
        tell=told.append,
    )


def test_a_sweep_from_its_first_member_to_its_verdict(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(script.parent)
    told: list[str] = []
    first = swept(script, told)
    assert first.objective == "validation loss"
    assert first.best == {"lr": 0.125, "--width": "4"}
    states = {(c.setting.get("lr"), c.setting.get("--width")): c.status for c in first.configurations}
    assert states[1e9, "4"] == "diverged, 1 of 1"
    assert {states[rate, "5"] for rate in (0.125, 1e9)} == {"failed"}
    assert {states[rate, "7"] for rate in (0.125, 1e9)} == {"crashed"}
    assert first.command == (f"set lr 0.125 in the script, then: surefoot run {script} --epochs 5 --width 4")
    assert any("lr 0.125, --width 5, seed 0: failed: RuntimeError: no such width" in said for said in told)
    assert any(f"its process died (signal {int(signal.SIGKILL)})" in said for said in told)

    # Each has its log, and nothing of another's.
    assert first.path is not None
    logs = {path.stem: path.read_text() for path in (first.path / "logs").iterdir()}
    assert len(logs) == 6
    for name, log in logs.items():
        assert [line for line in log.splitlines() if line.startswith("member")] == [
            f"member {name} of width {name.split('width=')[1][0]}"
        ]

    # Its own settings leave the script as it is; each member is a run.
    history = history_of("lr=0.125,width=4,seed=0", first.path)
    printed = [
        float(line.split()[1]) for line in logs["lr=0.125,width=4,seed=0"].splitlines() if "val" in line
    ]
    assert history.metric("val_loss").values.tolist() == pytest.approx(printed)
    assert first.configurations[0].mean == pytest.approx(printed[-1])
    assert compare("lr=0.125,width=4,seed=0", "lr=1000000000,width=4,seed=0", runs=first.path).word == "worse"

    # Started again it goes on: what died runs, what ended does not.
    Path("go-on").touch()
    kept = (first.path / "lr=0.125,width=4,seed=0" / "run.db").stat().st_mtime_ns
    again: list[str] = []
    second = swept(script, again)
    assert again[0].startswith("6 trainings, 4 of them done before")
    assert len(again) == 3
    assert (first.path / "lr=0.125,width=4,seed=0" / "run.db").stat().st_mtime_ns == kept
    assert {
        c.setting.get("--width"): c.status for c in second.configurations if c.setting.get("lr") == 0.125
    } == {
        "4": "finished",
        "5": "failed",
        "7": "finished",
    }
    assert json.loads(json.dumps(summary(second)))["best"] == second.best
    assert "use lr 0.125" in text(second)
    page = second.draw(script.parent / "sweep.html").read_text(encoding="utf-8")
    assert "data:image/svg+xml" in page


def test_halving_stops_the_hopeless_and_trains_the_rest_from_other_seeds(script: Path) -> None:
    found = sf.sweep(
        script,
        arguments=["--epochs", "9"],
        optimizer=["momentum"],
        lr=[0.0625, 0.03125, 1e-7, 1e-6],
        seeds=2,
        runs=script.parent / "runs",
        halving=True,
        jobs=1,
    )
    states = {c.setting.get("lr"): (c.status, c.results[0].steps) for c in found.configurations}
    assert states[0.0625] == ("finished", 36)
    assert {states[rate] for rate in (1e-7, 1e-6)} == {("stopped", 4)}
    assert any("2 of 6 trainings were stopped as hopeless" in remark for remark in found.remarks)
    # The script sets its own seed; the second is another one all the same.
    best = found.configurations[0]
    assert len(set(best.losses.values())) == 2
    history = history_of(f"lr={best.setting.get('lr')},optimizer=momentum,seed=1", found.path)
    assert history.series("lr").values.tolist() == [best.setting.get("lr")] * 36


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (
            "import torch\nw = torch.ones(2, requires_grad=True)\nfor _ in range(9):\n    (w * w).sum().backward()\n"
            "    with torch.no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None",
            ScriptError,
            "moves its parameters by hand",
        ),
        ("def (", ScriptError, "is not valid Python"),
    ],
)
def test_scripts_that_can_t_be_swept_are_refused_in_a_sentence(
    body: str, kind: type[Exception], said: str, tmp_path: Path
) -> None:
    (tmp_path / "train.py").write_text(body, encoding="utf-8")
    with pytest.raises(kind, match=said) as raised:
        sf.sweep(tmp_path / "train.py", lr="1e-3:1:log2", runs=tmp_path / "runs")
    assert "\n" not in str(raised.value)


def test_a_name_that_another_sweep_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import torch", encoding="utf-8")
    (tmp_path / "runs" / "mine").mkdir(parents=True)
    with pytest.raises(SettingError, match="holds something else"):
        sf.sweep(tmp_path / "train.py", lr="0.1", runs=tmp_path / "runs", name="mine")
    assert os.listdir(tmp_path / "runs" / "mine") == []
