"""Records as rows of the file, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, get_args

import numpy as np

from surefoot.facts import Fact, fact_from
from surefoot.records import SEVERITIES, ActivationInfo, Finding, OptimizerInfo, ParameterInfo, Run, Status
from surefoot.store import cells
from surefoot.store.batch import HyperparameterRow
from surefoot.store.cells import optional

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
    return OptimizerInfo(
        cells.count(index, "optimizer.number"),
        cells.string(name, "optimizer.name"),
        cells.json_object(settings, "optimizer.settings"),
        cells.json_list(parameters, "optimizer.parameters", cells.count),
        optional(cells.string, created, "optimizer.created"),
        optional(cells.string, stepped, "optimizer.stepped"),
    )


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
        cells.count(index, "parameter.number"),
        cells.string(name, "parameter.name"),
        cells.json_list(shape, "parameter.shape", cells.count),
        cells.string(module, "parameter.module"),
        optional(cells.count, optimizer, "parameter.optimizer"),
        requires_grad=bool(requires_grad),
        in_model=bool(in_model),
        module_called=bool(called),
        reached=bool(reached),
        received=cells.count(received, "parameter.received"),
        is_parameter=bool(is_parameter),
    )


def activation_row(info: ActivationInfo) -> Row:
    """Row of table `activation`."""
    return (info.index, text(info.name), text(info.function), info.units)


def activation_of(row: Sequence[Any]) -> ActivationInfo:
    """Inverse of `activation_row`."""
    index, name, function, units = row
    return ActivationInfo(
        cells.count(index, "activation.number"),
        cells.string(name, "activation.name"),
        cells.string(function, "activation.function"),
        cells.count(units, "activation.units"),
    )


def fact_row(fact: Fact, revision: int) -> Row:
    """Row of table `fact`, without its id."""
    return (text(fact.kind), text(fact.subject), fact.step, to_json(fact.data), revision)


def fact_of(row: Sequence[Any]) -> Fact:
    """Fact from (kind, subject, step, data)."""
    kind, subject, step, data = row
    return fact_from(
        cells.string(kind, "fact.kind"),
        cells.string(subject, "fact.subject"),
        cells.count(step, "fact.step"),
        cells.json_object(data, "fact.data"),
    )


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
    names = ("code", "severity", "title", "fix", "step", "evidence", "where", "confidence", "because")
    *plain, evidence, where, confidence, because, consequences = row
    values = (
        *plain,
        cells.json_value(evidence, "finding.evidence"),
        where,
        confidence,
        cells.json_value(because, "finding.because"),
    )
    followers = cells.json_value(consequences, "finding.consequences")
    return _finding({**dict(zip(names, values, strict=True)), "consequences": followers})


def _finding(fields: Any) -> Finding:
    """Finding from its fields, those of `consequences` likewise."""
    if not isinstance(fields, dict):
        raise ValueError("finding.consequences holds something else than findings")

    def item(name: str) -> Any:
        return cells.field(fields, name, "finding")

    evidence = item("evidence")
    because, consequences = (_listed(item(name), name) for name in ("because", "consequences"))
    if not isinstance(evidence, dict):
        raise ValueError("finding.evidence is no JSON object")
    return Finding(
        code=cells.string(item("code"), "finding.code"),
        severity=cells.one_of(item("severity"), "finding.severity", SEVERITIES),
        title=cells.string(item("title"), "finding.title"),
        fix=cells.string(item("fix"), "finding.fix"),
        step=optional(cells.count, item("step"), "finding.step"),
        evidence=evidence,
        where=optional(cells.string, item("where"), "finding.place"),
        confidence=cells.real(item("confidence"), "finding.confidence"),
        because=tuple(cells.string(code, "finding.because") for code in because),
        consequences=tuple(_finding(follower) for follower in consequences),
    )


def _listed(value: Any, name: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError(f"finding.{name} is no JSON list")


def setting_of(row: Sequence[Any]) -> HyperparameterRow:
    """HyperparameterRow from (step, optimizer, group_number, name, value)."""
    step, optimizer, group, name, value = row
    return HyperparameterRow(
        cells.count(step, "hyperparameter.step"),
        cells.count(optimizer, "hyperparameter.optimizer"),
        cells.count(group, "hyperparameter.group_number"),
        cells.string(name, "hyperparameter.name"),
        cells.json_value(value, "hyperparameter.value"),
    )


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
    known = dict(zip(RUN_COLUMNS.split(", "), row, strict=True))

    def read(kind: Any, name: str) -> Any:
        return kind(known[name], f"run.{name}")

    def read_optional(kind: Any, name: str) -> Any:
        return optional(kind, known[name], f"run.{name}")

    return Run(
        path=path,
        name=path.replace("\\", "/").rstrip("/").rpartition("/")[2],
        script=read(cells.string, "script"),
        argv=cells.json_list(known["argv"], "run.argv", cells.string),
        status=cells.one_of(known["status"], "run.status", get_args(Status)),
        exit_code=read_optional(cells.integer, "exit_code"),
        error=read_optional(cells.string, "error"),
        started=read(cells.moment, "started"),
        ended=read_optional(cells.moment, "ended"),
        heartbeat=read(cells.moment, "heartbeat"),
        steps=read(cells.count, "steps"),
        backwards=read(cells.count, "backwards"),
        command=read(cells.string, "command"),
        source=read(cells.string, "source"),
        environment=read(cells.json_object, "environment"),
    )


def _optional(value: str | None) -> str | None:
    return None if value is None else text(value)
