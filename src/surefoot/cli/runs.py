"""`surefoot runs` and `surefoot show`: what has been recorded."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

from surefoot.diagnosis import diagnose
from surefoot.errors import StoreError
from surefoot.report.json import ends, plain, summary
from surefoot.report.text import verdict_text
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs


def show_list(runs: str, as_json: bool) -> None:
    """Print all runs of a folder."""
    listed = list_runs(Path(runs))
    if as_json:
        print(json.dumps([_fields(run) for run in listed], indent=2))
        return
    console = Console()
    if not listed:
        console.print(f"no runs in {runs}", highlight=False)
        return
    table = Table(box=None, pad_edge=False)
    for name, right in (
        ("run", False),
        ("status", False),
        ("steps", True),
        ("loss", True),
        ("script", False),
    ):
        table.add_column(name, justify="right" if right else "left", no_wrap=name == "run")
    for run in listed:
        try:
            with open_run(run.path) as reader:
                last = ends(reader.series("loss"))["last"]
        except StoreError as error:
            table.add_row(run.name, "unreadable", "", "", str(error))
            continue
        loss = "" if last is None else f"{last:.4g}" if isinstance(last, float) else str(last)
        table.add_row(run.name, run.status, f"{run.steps:,}", loss, Path(run.script).name)
    console.print(table, highlight=False)


def _fields(run: object) -> dict[str, object]:
    names = (
        "name",
        "path",
        "script",
        "argv",
        "status",
        "exit_code",
        "error",
        "started",
        "ended",
        "steps",
        "backwards",
    )
    return {name: plain(getattr(run, name)) for name in names}


def show_run(reference: str, runs: str, as_json: bool) -> None:
    """Print one run: how it went and what was found."""
    with open_run(find_run(Path(runs), reference)) as reader:
        history, findings = reader.history(), reader.findings()
    if history.run.status in ("running", "crashed"):  # nobody judged it at its end
        findings = diagnose(history)
    if as_json:
        print(json.dumps(summary(history, findings), indent=2))
    else:
        print(verdict_text(history, findings))
