from __future__ import annotations

from pathlib import Path

import pytest

from surefoot.facts import Fact
from surefoot.records import Finding, OptimizerInfo, Run
from surefoot.store.batch import Batch, MetricRow, StepRow
from surefoot.store.writer import RunWriter

NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two optimizers in turn, with a NaN, an infinity, what was not recorded, and a metric called loss."""
    writer = RunWriter(tmp_path_factory.mktemp("export") / "runs")
    path = writer.create(Run(path="", name="", script="train.py", argv=("--lr", "1"), started=1e9), "two")
    steps = [
        StepRow(1, 0, 0.1, 1, 3.0, 1.5, 0.1),
        StepRow(2, 1, 0.2, 1, 2.0, None, 0.1),
        StepRow(3, 0, 0.3, 2, NAN, INF, 0.1),
        StepRow(4, 1, 0.4, 1, 1.0, 0.5, 0.1),
    ]
    metrics = [
        MetricRow(0, "val_loss", 9.0, 0.0),
        MetricRow(3, "val_loss", 8.0, 0.3),
        MetricRow(3, "val_loss", 4.0, 0.3),
        MetricRow(2, "loss", 2.5, 0.2),
        MetricRow(4, 'a "b", <c>', NAN, 0.4),
    ]
    finding = Finding("nonfinite-loss", "error", "The loss is NaN.", "Lower the rate.", 3, where="train.py:3")
    facts: list[Fact] = []
    optimizers = [OptimizerInfo(0, "SGD", {"lr": 0.1}, ()), OptimizerInfo(1, "Adam", {"lr": 0.1}, ())]
    writer.write(Batch(steps, (), metrics, (), facts, optimizers, findings=[finding], run={"steps": 4}))
    writer.finish("finished", 0)
    return path


FINDINGS = (Finding("nonfinite-loss", "error", "The loss is NaN.", "Lower the rate.", 3, where="train.py:3"),)
