"""Scripts that evaluate in many ways: the validation loss is the number that the script itself printed, or none.

Each is run whole and unchanged. The lines "val …" that it prints are what its author calls the validation loss.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import surefoot as sf
from surefoot.facts import Defect, ValidationLoss
from surefoot.records import History
from surefoot.report.text import trained

FOLDER = Path(__file__).with_name("evaluations")
SCRIPTS = sorted(path.stem for path in FOLDER.glob("*.py"))


def run_script(path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> tuple[History, str]:
    """Run a script under observation, in this process; what was recorded and what it printed."""
    capsys.readouterr()
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    with sf.watch(runs=runs) as run:
        exec(code, {"__name__": "__main__", "__file__": str(path)})
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history, capsys.readouterr().out


def printed(output: str, name: str) -> list[float]:
    return [float(number) for number in re.findall(rf"^{name} (\S+)$", output, re.MULTILINE)]


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_validation_loss_is_what_was_printed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, output = run_script(FOLDER / f"{name}.py", tmp_path, capsys)
    expected = printed(output, "val")
    np.testing.assert_allclose(history.metric("val_loss").values, expected, rtol=1e-4)
    measured = history.metrics.get("test_loss")
    if measured is not None and (test := printed(output, "test")):
        np.testing.assert_allclose(measured.values, test, rtol=1e-4)


@pytest.mark.parametrize("name", ["examples_weighted", "grad_mode_masks", "lightning_fit_test", "perplexity"])
def test_the_test_has_a_series_of_its_own(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, output = run_script(FOLDER / f"{name}.py", tmp_path, capsys)
    np.testing.assert_allclose(history.metric("test_loss").values, printed(output, "test"), rtol=1e-4)


PARTS = """
import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)
x, model = torch.randn(60, 4), nn.Linear(4, 4)
optimizer = torch.optim.SGD(model.parameters(), 0.01)


def loss_of(rows):
    out = model(x[rows])
    return F.mse_loss(out, x[rows]), out.var(0).sum()


for epoch in range(3):
    for rows in torch.randperm(40).split(10):
        first, second = loss_of(rows)
        optimizer.zero_grad()
        (first + second).backward()
        optimizer.step()
    with torch.no_grad():
        first, second = loss_of(torch.arange(40, 60))
        {ending}
"""


@pytest.mark.parametrize(("ending", "shown"), [("pass", None), ("first.item()", True)])
def test_of_a_part_it_is_said_that_it_is_one(
    ending: str, shown: bool | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "parts.py"
    script.write_text(PARTS.format(ending=ending))
    history, _ = run_script(script, tmp_path / "runs", capsys)
    fact = history.fact(ValidationLoss)
    assert fact is not None
    assert (fact.part, fact.shown, len(history.metric("val_loss"))) == (True, bool(shown), 3 if shown else 0)
    said = "mse_loss alone" if shown else "not seen, only its part mse_loss"
    assert said in trained(history)
