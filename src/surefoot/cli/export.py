"""`surefoot export`: a recorded run as a file or a tracker's run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot.cli.output import show
from surefoot.cli.places import check_file, check_folder
from surefoot.cli.run_options import RunName, Runs
from surefoot.errors import SettingError
from surefoot.extras import require
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.records import Finding, History

    Write = Callable[[History, tuple[Finding, ...], str], object]


def export(
    run: RunName = "last",
    csv: Annotated[bool, typer.Option("--csv", help="A row for each step, comma-separated.")] = False,
    parquet: Annotated[bool, typer.Option("--parquet", help="The same as a Parquet file.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="An event file, findings among its texts.")
    ] = False,
    wandb: Annotated[
        bool, typer.Option("--wandb", help="An offline run of Weights & Biases, for wandb sync.")
    ] = False,
    mlflow: Annotated[
        bool, typer.Option("--mlflow", help="A run of MLflow, where MLFLOW_TRACKING_URI says.")
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="File or folder to write; default: by the run's name."
        ),
    ] = None,
    runs: Runs = DEFAULT_RUNS,
) -> None:
    """Give a recorded run to another program: a table, or a tracker's run."""
    asked = {"csv": csv, "parquet": parquet, "tensorboard": tensorboard, "wandb": wandb, "mlflow": mlflow}
    formats = [name for name, wanted in asked.items() if wanted]
    _check(formats, output)
    from surefoot import rules
    from surefoot.cli.answering import answering
    from surefoot.diagnosis import whole_history_of

    history = whole_history_of(run, runs)
    with answering(history.run.path):
        findings = rules.diagnose(history)
        name = history.run.name or Path(history.run.path).name
        for each in formats:
            show(_WRITERS[each](history, findings, output or _DEFAULT[each].format(name=name)))


def _check(formats: list[str], output: str | None) -> None:
    if not formats:
        raise SettingError("export to what? Give --csv, --parquet, --tensorboard, --wandb or --mlflow.")
    if output is not None:
        _check_output(formats, output)
    for each in formats:
        require(f"exports by --{each}", _LIBRARIES.get(each, ()))


def _check_output(formats: list[str], output: str) -> None:
    if len(formats) > 1:
        raise SettingError("--output is one place, for one format: leave it out, or give one format alone.")
    if formats == ["mlflow"]:
        raise SettingError("--output does not say where MLflow keeps its runs: set MLFLOW_TRACKING_URI.")
    (check_file if formats[0] in ("csv", "parquet") else check_folder)("--output", output)


def _csv(history: History, findings: tuple[Finding, ...], path: str) -> object:
    from surefoot.export.csv_file import write_csv

    return write_csv(history, path)


def _parquet(history: History, findings: tuple[Finding, ...], path: str) -> object:
    from surefoot.export.parquet import write_parquet

    return write_parquet(history, path)


def _tensorboard(history: History, findings: tuple[Finding, ...], path: str) -> object:
    from surefoot.export.tensorboard import write_events

    return write_events(history, findings, path)


def _wandb(history: History, findings: tuple[Finding, ...], path: str) -> object:
    from surefoot.export.wandb import write_wandb

    return write_wandb(history, findings, path)


def _mlflow(history: History, findings: tuple[Finding, ...], path: str) -> object:
    from surefoot.export.mlflow import write_mlflow

    return f"run {write_mlflow(history, findings)} of MLflow"


_WRITERS: dict[str, Write] = {
    "csv": _csv, "parquet": _parquet, "tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow,
}  # fmt: skip
_LIBRARIES = {
    "parquet": ("pyarrow",),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
}
_DEFAULT = {
    "csv": "{name}.csv",
    "parquet": "{name}.parquet",
    "tensorboard": "tensorboard/{name}",
    "wandb": ".",
    "mlflow": "",
}
