"""Records as rows of the file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from surefoot.records import ActivationInfo, Fact, Finding, OptimizerInfo, ParameterInfo, Run
from surefoot.store.batch import HyperparameterRow

Row = tuple[Any, ...]


def text(value: str) -> str:
    """`value` without lone surrogates (bytes of a name that are no UTF-8), which SQLite refuses."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def to_json(value: Any) -> str:
    """JSON text; NaN and Infinity allowed, NumPy's numbers as numbers, anything else as its `str`."""
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def optimizer_row(info: OptimizerInfo) -> Row:
    """Row of table `optimizer`."""
    places = (_optional(info.created), _optional(info.stepped))
    return (info.index, text(info.name), to_json(info.settings), to_json(info.parameters), *places)


def optimizer_of(row: Sequence[Any]) -> OptimizerInfo:
    """Inverse of `optimizer_row`."""
    index, name, settings, parameters, created, stepped = row
    return OptimizerInfo(index, name, json.loads(settings), tuple(json.loads(parameters)), created, stepped)


def parameter_row(info: ParameterInfo) -> Row:
    """Row of table `parameter`."""
    return (
        info.index,
        text(info.name),
        to_json(info.shape),
        text(info.module),
        info.optimizer,
        bool(info.requires_grad),
        bool(info.in_model),
        bool(info.module_called),
        bool(info.reached),
        info.received,
        bool(info.is_parameter),
    )


def parameter_of(row: Sequence[Any]) -> ParameterInfo:
    """Inverse of `parameter_row`."""
    (
        index,
        name,
        shape,
        module,
        optimizer,
        requires_grad,
        in_model,
        called,
        reached,
        received,
        is_parameter,
    ) = row
    return ParameterInfo(
        index,
        name,
        tuple(json.loads(shape)),
        module,
        optimizer,
        requires_grad=bool(requires_grad),
        in_model=bool(in_model),
        module_called=bool(called),
        reached=bool(reached),
        received=received,
        is_parameter=bool(is_parameter),
    )


def activation_row(info: ActivationInfo) -> Row:
    """Row of table `activation`."""
    return (info.index, text(info.name), text(info.function), info.units)


def activation_of(row: Sequence[Any]) -> ActivationInfo:
    """Inverse of `activation_row`."""
    return ActivationInfo(*row)


def fact_row(fact: Fact, revision: int) -> Row:
    """Row of table `fact`, without its id."""
    return (text(fact.kind), text(fact.subject), fact.step, to_json(fact.data), revision)


def fact_of(row: Sequence[Any]) -> Fact:
    """Fact from (kind, subject, step, data)."""
    kind, subject, step, data = row
    return Fact(kind, subject, step, json.loads(data))


def finding_row(position: int, finding: Finding) -> Row:
    """Row of table `finding`."""
    return (
        position,
        text(finding.code),
        finding.severity,
        text(finding.title),
        text(finding.fix),
        finding.step,
        to_json(finding.evidence),
        _optional(finding.where),
        finding.confidence,
        to_json(finding.because),
        to_json([asdict(follower) for follower in finding.consequences]),
    )


def finding_of(row: Sequence[Any]) -> Finding:
    """Inverse of `finding_row`, the position left out."""
    code, severity, title, fix, step, evidence, where, confidence, because, consequences = row
    return Finding(
        code,
        severity,
        title,
        fix,
        step,
        json.loads(evidence),
        where,
        confidence,
        tuple(json.loads(because)),
        tuple(_nested(follower) for follower in json.loads(consequences)),
    )


def _nested(fields: dict[str, Any]) -> Finding:
    followers = tuple(_nested(follower) for follower in fields["consequences"])
    return Finding(**{**fields, "because": tuple(fields["because"]), "consequences": followers})


def setting_of(row: Sequence[Any]) -> HyperparameterRow:
    """HyperparameterRow from (step, optimizer, group_number, name, value)."""
    step, optimizer, group, name, value = row
    return HyperparameterRow(step, optimizer, group, name, json.loads(value))


RUN_COLUMNS = (
    "name, script, argv, command, source, environment, status, exit_code, error, started, ended, heartbeat, "
    "steps, backwards"
)


def run_row(run: Run, heartbeat: float) -> Row:
    """Values of RUN_COLUMNS."""
    return (
        text(run.name),
        *(encode_run_field(field, getattr(run, field)) for field in ("script", "argv", "command", "source")),
        encode_run_field("environment", run.environment),
        run.status,
        run.exit_code,
        _optional(run.error),
        run.started,
        run.ended,
        heartbeat,
        run.steps,
        run.backwards,
    )


def encode_run_field(name: str, value: Any) -> Any:
    """A field of `Run` as its column holds it."""
    if name == "argv":
        return to_json(list(value))
    if name == "environment":
        return to_json(value)
    return text(value) if isinstance(value, str) else value


def run_of(row: Sequence[Any], path: str) -> Run:
    """Run from RUN_COLUMNS and the folder it lies in, whose name may have changed since."""
    (
        _,
        script,
        argv,
        command,
        source,
        environment,
        status,
        exit_code,
        error,
        started,
        ended,
        heartbeat,
        *counts,
    ) = row
    steps, backwards = counts
    return Run(
        path=path,
        name=path.replace("\\", "/").rstrip("/").rpartition("/")[2],
        script=script,
        argv=tuple(json.loads(argv)),
        status=status,
        exit_code=exit_code,
        error=error,
        started=started,
        ended=ended,
        heartbeat=heartbeat,
        steps=steps,
        backwards=backwards,
        command=command,
        source=source,
        environment=json.loads(environment),
    )


def _optional(value: str | None) -> str | None:
    return None if value is None else text(value)
