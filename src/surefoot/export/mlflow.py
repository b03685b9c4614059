"""A run as one of MLflow's, in the store that MLflow is set to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

from surefoot.export.table import curves, moments
from surefoot.extras import needed_for
from surefoot.records import Finding, History, Status
from surefoot.report.json import summary
from surefoot.report.verdict import judge

EXPERIMENT = "surefoot"
_AT_ONCE = 1000  # metrics: more MLflow's REST service does not take
_KEY = re.compile(r"[^\w\-./ :]", re.ASCII)  # what the name of a metric may not hold
_STATUS: dict[Status, str] = {"finished": "FINISHED", "stopped": "FINISHED", "running": "RUNNING"}


def write_mlflow(history: History, findings: Sequence[Finding]) -> str:
    """Write a run to the experiment "surefoot"; `MLFLOW_TRACKING_URI` and `MLFLOW_EXPERIMENT_NAME` count as always.

    Args:
        history: The run, whole.
        findings: What was found; kept as the artifact surefoot.json, the verdict as a tag.

    Returns:
        The id of MLflow's run.

    Raises:
        MissingExtra: MLflow is not installed.
    """
    with needed_for("exports to MLflow"):
        from mlflow.entities import Metric, Param
        from mlflow.tracking import MlflowClient
    client, told = MlflowClient(), history.run
    tags = {"surefoot.verdict": judge(history, findings).word, "surefoot.script": told.script}
    run = client.create_run(
        _experiment(client), start_time=int(told.started * 1000), tags=tags, run_name=told.name
    )
    number: str = run.info.run_id
    client.log_batch(number, params=[Param("argv", json.dumps(list(told.argv))[:500])])
    waiting: list[Any] = []
    for metric in (Metric(*row) for row in _rows(history)):
        waiting.append(metric)
        if len(waiting) == _AT_ONCE:
            client.log_batch(number, metrics=waiting)
            waiting = []
    client.log_batch(number, metrics=waiting)
    client.log_dict(number, summary(history, findings), "surefoot.json")
    ended = None if told.ended is None else int(told.ended * 1000)
    client.set_terminated(number, _STATUS.get(told.status, "FAILED"), end_time=ended)
    return number


def _experiment(client: Any) -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", EXPERIMENT)
    known = client.get_experiment_by_name(name)
    return str(known.experiment_id if known is not None else client.create_experiment(name))


def _rows(history: History) -> Iterator[tuple[str, float, int, int]]:
    for name, series in curves(history):
        key = _KEY.sub("_", name)
        at = (moments(history, series.steps) * 1000).astype("int64").tolist()
        for step, value, moment in zip(series.steps.tolist(), series.values.tolist(), at, strict=True):
            yield key, value, moment, step
