"""What `print` shows of the records that users meet: a sentence, numbers rounded."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

import surefoot as sf
from surefoot.records import Series


def _run(folder: Path) -> sf.Observation:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    inputs = torch.randn(64, 3)
    with sf.watch(model, optimizer, runs=folder, name="piled") as run:
        for _ in range(40):
            nn.functional.mse_loss(model(inputs), inputs.sum(1, keepdim=True)).backward()
            optimizer.step()
    return run


def test_a_run_with_a_finding(tmp_path: Path) -> None:
    run = _run(tmp_path)
    first, where, fix = str(run.findings).splitlines()[:3]
    assert first.startswith("error: missing-zero-grad: Gradients are not cleared between steps")
    assert where.startswith("  where: ")
    assert "optimizer.step()" in where
    assert fix == "  fix: Call optimizer.zero_grad() before each backward()."
    assert repr(run.findings[0]).startswith("<error missing-zero-grad, step 2: ")
    assert str(sf.diagnose(run)) == str(run.findings)
    assert repr(run) == "<observation: run piled, 40 steps, closed>"
    history = run.history()
    assert history is not None
    assert repr(history.run).startswith("<run piled: finished, 40 steps of ")
    assert repr(history).startswith("<history of <run piled: ")
    assert str(run.verdict).startswith("error (")


def test_series() -> None:
    assert repr(Series.of([1 / 3, 2.0])) == "<series of 2: 0.3333 at step 1 to 2 at step 2>"
    assert repr(Series.of([])) == "<series: empty>"


def test_landscapes_and_fits() -> None:
    torch.manual_seed(0)
    inputs = torch.linspace(0, 1, 20)[:, None]
    data = (inputs, 3 * inputs + 1)
    surface = sf.landscape(nn.Linear(1, 1), nn.MSELoss(), data, points=5)
    assert repr(surface).startswith("<grid surface of 5 × 5 points: lowest loss ")
    line = sf.landscape(nn.Linear(1, 1), nn.MSELoss(), data, x="weight[0, 0]", points=5)
    assert repr(line).startswith("<slice along weight[0, 0], 5 points from ")
    fit = sf.fit(nn.Linear(1, 1), nn.MSELoss(), data, epochs=2, observe=False, progress=False)
    assert repr(fit).startswith("<fit: finished after ")
    assert max(len(repr(each)) for each in (surface, line, fit)) < 200
