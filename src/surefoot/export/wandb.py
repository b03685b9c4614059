"""A run as one of Weights & Biases', kept on this machine until it is sent by `wandb sync`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from surefoot.export.table import curves
from surefoot.extras import needed_for
from surefoot.records import Finding, History
from surefoot.report.verdict import judge

PROJECT = "surefoot"


def write_wandb(history: History, findings: Sequence[Finding], folder: str | Path) -> Path:
    """Write an offline run; `WANDB_MODE` and `WANDB_PROJECT` of the environment count as always.

    Args:
        history: The run, whole.
        findings: What was found; a table, and the verdict in the summary.
        folder: In which `wandb` makes its own; made where it is not there.

    Returns:
        The folder of the run, which `wandb sync` takes.

    Raises:
        MissingExtra: wandb is not installed.

    Effects: wandb's own process writes the files, until this one ends at the latest.
    """
    with needed_for("exports to Weights & Biases"):
        import wandb
    Path(folder).mkdir(parents=True, exist_ok=True)
    told = history.run
    mode: Any = os.environ.get("WANDB_MODE", "offline")
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        name=told.name,
        dir=str(folder),
        mode=mode,
        config={"script": told.script, "argv": list(told.argv)},
        settings=wandb.Settings(
            silent=True, console="off", disable_git=True, save_code=False, x_disable_stats=True
        ),
        reinit="create_new",
    )
    try:
        for step, values in rows(history):
            run.log(values, step=step)
        run.summary["verdict"] = judge(history, findings).word
        run.summary["findings"] = [finding.code for finding in findings]
        columns = ["severity", "code", "title", "step", "where", "fix"]
        cells = [[getattr(finding, name) for name in columns] for finding in findings]
        run.log({"surefoot/findings": wandb.Table(columns=columns, data=cells)})
    finally:
        run.finish()
    return Path(run.dir).parent


def rows(history: History) -> Iterator[tuple[int, dict[str, float]]]:
    """All curves, step by step."""
    at: dict[int, dict[str, float]] = {}
    for name, series in curves(history):
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True):
            at.setdefault(step, {})[name] = value
    for step in sorted(at):
        yield step, at[step]
