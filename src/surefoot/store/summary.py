"""A run in a few numbers, exact whatever its length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from surefoot.records import Series
from surefoot.store.reader import open_run


def summary(path: Path | str) -> dict[str, Any]:
    """What `surefoot show --json` says of a run, without its findings.

    Losses and norms are those of the optimizer with the most steps.

    Args:
        path: Folder of a run, or its run.db.

    Returns:
        schema (1), run (its folder), script, status, exit_code, steps; loss and val_loss: first, last and
        best (the least finite value); grad_norm: first, last, median (of the finite values) and max (without
        NaN); clip_rate: share of steps whose gradients were scaled down. Each of the last four is None if it
        was never recorded. Numbers may be NaN or infinite, as they were recorded.

    Raises:
        StoreError: The run cannot be read.
    """
    with open_run(path) as reader:
        run = reader.run()
        return {
            "schema": 1,
            "run": run.path,
            "script": run.script,
            "status": run.status,
            "exit_code": run.exit_code,
            "steps": run.steps,
            "loss": _loss(reader.series("loss", points=None)),
            "val_loss": _loss(reader.metric("val_loss", points=None)),
            "grad_norm": _norm(reader.series("grad_norm", points=None)),
            "clip_rate": _clip_rate(reader.series("clip_factor", points=None)),
        }


def _loss(series: Series) -> dict[str, float] | None:
    if not len(series):
        return None
    finite = series.finite.values
    best = float(finite.min()) if len(finite) else float("nan")
    return {"first": float(series.values[0]), "last": float(series.values[-1]), "best": best}


def _norm(series: Series) -> dict[str, float] | None:
    if not len(series):
        return None
    finite = series.finite.values
    known = series.values[~np.isnan(series.values)]
    return {
        "first": float(series.values[0]),
        "last": float(series.values[-1]),
        "median": float(np.median(finite)) if len(finite) else float("nan"),
        "max": float(known.max()) if len(known) else float("nan"),
    }


def _clip_rate(series: Series) -> float | None:
    known = series.values[~np.isnan(series.values)]
    return float((known < 1).mean()) if len(known) else None
