"""`surefoot find-lr` as people type it: an answer that can be run, and one sentence where there is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from capture.twin import SUREFOOT, process
from surefoot.capture.script import Target
from surefoot.diagnosis import history_of
from surefoot.errors import NothingTrained, ScriptError
from surefoot.facts import RangeTest
from surefoot.lr_range_test.keeping import range_test_of
from surefoot.lr_range_test.script import Settings, range_test

TRAINS = """
import argparse, torch
from torch import nn
torch.set_num_threads(1)
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=1e-4)
given = parser.parse_args()
x = torch.linspace(-1, 1, 80).unsqueeze(1)
y = 3 * x - 1
model = nn.Linear(1, 1)
optimizer = torch.optim.SGD(model.parameters(), lr=given.lr, momentum=0.5)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, (step + 1) / 10))
for step in range(200):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    if step % 20 == 19:
        model.eval()
        with torch.no_grad():
            print("validation", nn.functional.mse_loss(model(x[::7]), y[::7]).item())
        model.train()
"""
HEAD = "import torch\nw = torch.nn.Linear(3, 1)\nx = torch.randn(20, 3)\n"
GAN = """
import torch
from torch import nn
made, judged = nn.Linear(2, 2), nn.Linear(2, 1)
of_made, of_judged = torch.optim.SGD(made.parameters(), lr=0.1), torch.optim.SGD(judged.parameters(), lr=0.1)
for step in range(60):
    fake = made(torch.randn(8, 2))
    of_judged.zero_grad()
    (judged(fake.detach()).mean() - judged(torch.randn(8, 2) + 3).mean()).backward()
    of_judged.step()
    of_made.zero_grad()
    (-judged(fake).mean()).backward()
    of_made.step()
"""
REFUSED = {
    "by hand": (
        "import torch\nw = torch.zeros(3, requires_grad=True)\nfor i in range(60):\n"
        "    (w - 1).square().sum().backward()\n    with torch.no_grad():\n        w -= 0.1 * w.grad\n"
        "        w.grad.zero_()\n",
        ScriptError,
        "by hand",
    ),
    "never steps": (f"{HEAD}for i in range(30): w(x).sum().backward()\n", ScriptError, "never steps"),
    "lbfgs": (
        f"{HEAD}o = torch.optim.LBFGS(w.parameters())\ndef closure():\n    o.zero_grad()\n"
        "    loss = w(x).square().mean()\n    loss.backward()\n    return loss\nfor i in range(30): o.step(closure)\n",
        ScriptError,
        "LBFGS makes its steps from curvature",
    ),
    "too short": (
        f"{HEAD}o = torch.optim.SGD(w.parameters(), lr=0.1)\nfor i in range(8):\n"
        "    o.zero_grad()\n    w(x).square().mean().backward()\n    o.step()\n",
        ScriptError,
        "took only 8 driven steps",
    ),
    "fails": ("import torch\nraise ValueError('no data')\n", ScriptError, "ValueError: no data"),
    "no torch": ("import math\n", NothingTrained, "trained nothing"),
}


def test_an_unchanged_script_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(TRAINS)
    command = [
        "find-lr",
        "--confirm",
        "--confirm-steps",
        "40",
        "--name",
        "rates",
        "-o",
        "rates.html",
        "--json",
    ]
    done = process([*SUREFOOT, *command, "train.py"], tmp_path)
    assert done.code == 0, done.said
    answer = json.loads(done.stdout)  # nothing that the script prints is in between
    assert answer["present"] == 1e-4
    assert 0.01 < answer["recommended"] < 3
    assert answer["command"] == f"surefoot run train.py --lr {answer['recommended']:.2g}"
    assert {trial["rate"] for trial in answer["trials"]} >= {1e-4, answer["recommended"]}
    assert all(trial["validated"] for trial in answer["trials"] if trial["loss"] is not None)
    curvature = next(one for one in answer["suggestions"] if one["method"] == "curvature")
    assert curvature["rate"] == pytest.approx(3 / 2, rel=1e-3)  # (2 + 2 * 0.5) over the bias's 2
    page = (tmp_path / "rates.html").read_text()
    assert "<svg" in page
    assert "http" not in page.replace("http-equiv", "")
    kept = tmp_path / "surefoot-runs" / "rates"
    assert "validation" in next(kept.glob("logs/trial-*/log.txt")).read_text()
    shown = process([*SUREFOOT, "show", "rates"], tmp_path)
    assert "suggestion" in shown.stdout.decode()
    listed = process([*SUREFOOT, "runs"], tmp_path)
    assert "range test" in listed.stdout.decode()


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rate_to_find_is_one_sentence(name: str, tmp_path: Path) -> None:
    source, kind, said = REFUSED[name]
    script = tmp_path / "train.py"
    script.write_text(source)
    with pytest.raises(kind, match=said) as raised:
        range_test(Target(str(script)), Settings(steps=20), tmp_path / "runs")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "runs").exists()


def test_the_losses_of_opponents_suggest_nothing(tmp_path: Path) -> None:
    script = tmp_path / "gan.py"
    script.write_text(GAN)
    found = range_test(Target(str(script)), Settings(steps=30), tmp_path / "runs")
    assert found.lr is None
    assert "as in a GAN" in found.found.said
    assert not found.trials


def test_a_script_that_ends_early_is_swept_in_the_steps_it_has(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(TRAINS.replace("range(200)", "range(33)"))
    found = range_test(Target(str(script)), Settings(confirm=False), tmp_path / "runs", "short")
    assert 20 <= len(found.curve) <= 33
    assert found.found.last == 10.0
    assert found.found.ended
    again = history_of("short", tmp_path / "runs")
    assert isinstance(again.fact(RangeTest), RangeTest)
    kept = range_test_of(again)
    assert kept is not None
    assert kept.found == found.found


@pytest.mark.slow
@pytest.mark.distributed
def test_processes_of_one_training_decide_as_one(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import torch\nfrom torch import nn\ntorch.distributed.init_process_group('gloo')\ntorch.manual_seed(0)\n"
        "model = nn.parallel.DistributedDataParallel(nn.Linear(4, 1))\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.01)\n"
        "x = torch.randn(64, 4, generator=torch.Generator().manual_seed(torch.distributed.get_rank()))\n"
        "for step in range(90):\n    optimizer.zero_grad()\n"
        "    (model(x) - x.sum(1, keepdim=True)).square().mean().backward()\n    optimizer.step()\n"
        "torch.distributed.destroy_process_group()\n"
    )
    command = ["find-lr", "--steps", "40", "--confirm", "--confirm-steps", "20", "--json", "train.py"]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = process([*launcher, "-m", "surefoot", *command], tmp_path, OMP_NUM_THREADS="1")
    assert done.code == 0, done.said
    answer = json.loads(done.stdout)  # one of them answers
    assert 0.01 < answer["recommended"] < 2
    assert all(trial["loss"] is not None for trial in answer["trials"] if trial["rate"] < 0.3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--range", "1:2:3"], "is no range"),
        (["--range", "1:0.1"], "goes nowhere"),
        (["-o", "a.pdf"], "end it in .png"),
        (["--name", "a/b"], "name"),
    ],
    ids=str,
)
def test_options_are_refused_before_anything_runs(options: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("raise SystemExit('it ran')")
    done = process([*SUREFOOT, "find-lr", *options, "train.py"], tmp_path)
    assert done.code == 2
    assert said in done.said
    assert "it ran" not in done.said
