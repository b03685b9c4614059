"""`surefoot backprop`: one step of an unchanged script taken apart."""

from __future__ import annotations

import contextlib
import io
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from capture.asmain import restored
from surefoot.autograd import backprop
from surefoot.capture.script import Target, execute, prepare
from surefoot.capture.taken_apart import TakenApart
from surefoot.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"


def taken_apart(target: Target, step: int = 1) -> TakenApart:
    with restored(), torch.random.fork_rng():
        prepared = prepare(target)
        seen = TakenApart(step)
        seen.begin()
        try:
            outcome = execute(prepared)
        finally:
            seen.end()
    assert outcome.status == "stopped", outcome.described
    return seen


def test_the_chain_rule_on_one_number(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = command("backprop", "-o", tmp_path / "scalar.svg", EXAMPLES / "scalar.py")
    assert (code, err) == (0, "")
    assert "x collects 5 + 12 = 17" in out
    assert "its slope is" not in out  # the script was stopped before
    assert "gradient 17" in (tmp_path / "scalar.svg").read_text()


def test_the_third_step_of_a_script_is_that_of_the_formula(scripts: Path) -> None:
    seen = taken_apart(Target(str(scripts / "network.py"), ("--lr", "0.5")), step=3)
    record = seen.record
    assert record is not None
    assert "network.py" in (seen.place or "")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inputs, labels = torch.randn(64, 5), torch.randint(0, 3, (64,))
        model = nn.Sequential(nn.Linear(5, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))
        optimizer = torch.optim.SGD(model.parameters(), 0.5)
        for step in range(3):
            rows = torch.randint(0, 64, (16,))
            optimizer.zero_grad()

            def compute(rows: torch.Tensor = rows) -> torch.Tensor:
                return nn.functional.cross_entropy(model(inputs[rows]), labels[rows])

            if step == 2:
                expected = backprop(compute, model)
            else:
                compute().backward()
                optimizer.step()
    assert _without_lines(record) == _without_lines(expected)
    assert {o.line for o in record.operations} <= {"network.py:14"}
    assert {row.module for row in record.collapsed()} == {"", "0", "1", "2", "4", "3"}
    assert record.collapsed_by == "forward"


def test_side_by_side(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    script = EXAMPLES / "deep_sigmoid.py"
    code, out, err = command(
        "backprop", "--depth", 1, "--beside", "--residual", "-o", tmp_path / "deep.svg", script
    )
    assert (code, err) == (0, "")
    first, second = out.split("step 1, ")[1:]
    assert "first vanishing at Sigmoid in 8" in first
    assert "vanishing" not in second
    picture = (tmp_path / "deep.svg").read_text()
    assert "deep_sigmoid.py --residual" in picture
    assert picture.count("from the loss to the inputs") == 2


def test_other_files_and_expanding(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("b.html", "b.txt", "b.png"):
        code, out, _ = command("backprop", "-o", tmp_path / name, "--expand", "4", "network.py")
        assert code == 0
        assert "Addmm (4.bias)" in out
        assert (tmp_path / name).stat().st_size > 100
    assert "Addmm (0.bias)" not in out
    assert "Addmm (0.bias)" in command("backprop", "--expand", "all", "network.py")[1]


@pytest.mark.parametrize(
    ("name", "text", "modules"),
    [
        (
            "two models",
            "a, b = nn.Linear(3, 4), nn.Linear(4, 1)\nb(a(torch.ones(2, 3)).relu()).sum().backward()",
            {"", "linear", "linear_2"},
        ),
        (
            "a recurrent cell",
            "c = nn.GRUCell(3, 3)\nh = torch.zeros(2, 3)\nfor _ in range(3):\n    h = c(torch.ones(2, 3), h)\n"
            "h.sum().backward()",
            {"", "GRUCell"},
        ),
    ],
)
def test_modules_are_named(name: str, text: str, modules: set[str], tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(f"import torch\nfrom torch import nn\n{text}\n")
    record = taken_apart(Target(str(tmp_path / "s.py"))).record
    assert record is not None
    assert {row.module for row in record.collapsed()} == modules
    assert record.unreached == ()


def test_parameters_that_nothing_reaches(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import torch\nfrom torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n        self.used, self.idle = nn.Linear(2, 1), nn.Linear(2, 1)\n"
        "    def forward(self, x):\n        return self.used(x)\n"
        "Net()(torch.ones(3, 2)).mean().backward()\n"
    )
    record = taken_apart(Target(str(tmp_path / "s.py"))).record
    assert record is not None
    assert record.unreached == ("idle.weight", "idle.bias")


def test_a_penalty_explodes_nothing(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_text(
        "import torch\nfrom torch import nn\nm = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))\n"
        "(m(torch.ones(8, 4)).mean() + 1e-6 * sum(p.square().sum() for p in m.parameters())).backward()\n"
    )
    record = taken_apart(Target(str(tmp_path / "s.py"))).record
    assert record is not None
    assert [o.mark for o in record.operations if o.module] == [None] * sum(
        bool(o.module) for o in record.operations
    )


def test_the_script_before_it_is_unchanged(command, scripts: Path) -> None:  # type: ignore[no-untyped-def]
    (scripts / "tells.py").write_text(
        "import torch\ntorch.manual_seed(0)\nm = torch.nn.Linear(3, 1)\no = torch.optim.SGD(m.parameters(), 0.1)\n"
        "for i in range(4):\n    loss = m(torch.randn(5, 3)).square().mean()\n    print(repr(loss.item()))\n"
        "    o.zero_grad(); loss.backward(); o.step()\n"
    )
    plain = io.StringIO()
    with restored(), torch.random.fork_rng(), contextlib.redirect_stdout(plain):
        runpy.run_path("tells.py", run_name="__main__")
    code, out, err = command("backprop", "--step", 4, "tells.py")
    assert (code, err) == (0, "")
    assert out.startswith(plain.getvalue())
    assert len(plain.getvalue().splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "no script was named"),
        (["-o", "a.gif", "line.py"], "a.gif"),
        (["--step", "99", "network.py"], "20 optimizer steps"),
        (["--step", "99", "line.py"], "30 calls of backward"),
        (["--expand", "nothing", "network.py"], "--expand nothing"),
        (["--beside", "'open", "network.py"], "no command line"),
        (["absent.py"], "absent.py"),
        (["--step", "0", "line.py"], "--step"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: str, command) -> None:  # type: ignore[no-untyped-def]
    code, _, err = command("backprop", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1, err
    assert words in err


def _without_lines(record):  # type: ignore[no-untyped-def]
    return replace(record, operations=tuple(replace(o, line="") for o in record.operations))


def test_operations_outside_of_modules_are_named_by_their_line(tmp_path, monkeypatch, capfd):  # type: ignore[no-untyped-def]
    (tmp_path / "attends.py").write_text(
        "import torch\n"
        "model = torch.nn.Linear(4, 4)\n"
        "optimizer = torch.optim.SGD(model.parameters(), lr=0.1)\n"
        "for step in range(2):\n"
        "    out = model(torch.ones(3, 4))\n"
        "    scores = (out @ out.T).softmax(-1)\n"
        "    loss = scores.square().mean()\n"
        "    optimizer.zero_grad()\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
    )
    monkeypatch.chdir(tmp_path)
    for step in ("1", "2"):
        with restored():
            assert main._main(["backprop", "--step", step, "attends.py"]) == 0
        rows = [line.split("  ")[0] for line in capfd.readouterr().out.splitlines()]
        assert "attends.py:6-7" in rows
    assert not torch.is_anomaly_enabled()
