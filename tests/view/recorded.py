"""Runs on disk, made from histories as the recorder would leave them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from surefoot.records import Finding, History
from surefoot.store.batch import Batch, LayerRow, MetricRow, StepRow
from surefoot.store.writer import RunWriter

_SERIES = ("loss", "grad_norm", "lr", "clip_threshold", "clip_factor")


def record(runs: Path, history: History, findings: Sequence[Finding] = (), name: str = "run") -> Path:
    """A run that ended as its history says; its folder."""
    writer = begin(runs, history, findings, name)
    writer.finish(history.run.status, exit_code=history.run.exit_code, error=history.run.error)
    assert writer.path is not None
    return writer.path


def begin(runs: Path, history: History, findings: Sequence[Finding] = (), name: str = "run") -> RunWriter:
    """A run that is still being written."""
    writer = RunWriter(runs)
    writer.create(replace(history.run, status="running", ended=None, exit_code=None, error=None), name)
    layers = [
        LayerRow(int(step), int(optimizer), family, quantity, values)
        for family, found in (
            ("parameter", history.parameter_layers),
            ("activation", history.activation_layers),
        )
        for quantity, all_rows in found.items()
        for step, optimizer, values in zip(all_rows.steps, all_rows.optimizers, all_rows.values, strict=True)
    ]
    metrics = [
        MetricRow(int(step), name, float(value), 0.0)
        for name, series in history.metrics.items()
        for step, value in zip(series.steps, series.values, strict=True)
    ]
    writer.write(
        Batch(
            steps=step_rows(history),
            metrics=metrics,
            layers=layers,
            facts=history.all_facts,
            optimizers=history.optimizers,
            parameters=history.parameters,
            activations=history.activations,
            findings=findings,
            run={"steps": history.run.steps, "backwards": history.run.backwards},
        )
    )
    return writer


def step_rows(history: History) -> list[StepRow]:
    """All series as rows of steps."""
    rows: dict[tuple[int, int], dict[str, float]] = {}
    for (name, optimizer), series in history.step_series.items():
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
            rows.setdefault((step, optimizer), {})[name] = value
    return [
        StepRow(
            step,
            optimizer,
            values.get("time", 0.0),
            1,
            **{name: values[name] for name in _SERIES if name in values},
        )
        for (step, optimizer), values in sorted(rows.items())
    ]
