"""`surefoot runs` and `surefoot show`: what has been recorded."""

from __future__ import annotations

import json
from pathlib import Path

from rich.table import Table

from surefoot.cli.answering import answering
from surefoot.cli.output import show, show_rich
from surefoot.diagnosis import diagnose
from surefoot.errors import StoreError
from surefoot.facts import Recording
from surefoot.records import Extent
from surefoot.report.json import ends, plain, summary
from surefoot.report.text import verdict_text
from surefoot.report.verdict import extent_of
from surefoot.store.reader import RunReader, open_run
from surefoot.store.runs import find_run, list_runs

# What the run's own status does not say.
_STATUS: dict[Extent, str] = {
    "recording stopped": "recording stopped",
    "end unknown": "end unknown",
    "nothing trained": "nothing trained",
}


def show_list(runs: str, as_json: bool) -> None:
    """Print all runs of a folder."""
    listed = list_runs(Path(runs))
    if as_json:
        show(json.dumps([_fields(run) for run in listed], indent=2))
        return
    if not listed:
        show(f"no runs in {runs}")
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
                reader.run()
                last = ends(reader.series("loss"))["last"]
                extent = extent_of(run, _stopped(reader))
        except StoreError as error:
            table.add_row(run.name, "unreadable", "", "", str(error))
            continue
        loss = "" if last is None else f"{last:.4g}" if isinstance(last, float) else str(last)
        table.add_row(
            run.name, _STATUS.get(extent, run.status), f"{run.steps:,}", loss, Path(run.script).name
        )
    show_rich(table)


def _stopped(reader: RunReader) -> bool:
    return any(isinstance(fact, Recording) for fact in reader.facts())


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
    path = find_run(Path(runs), reference)
    with open_run(path) as reader:
        history, findings = reader.history(), reader.findings()
    with answering(path):
        if history.run.status in ("running", "crashed"):  # nobody judged it at its end
            findings = diagnose(history)
        shown = (
            json.dumps(summary(history, findings), indent=2) if as_json else verdict_text(history, findings)
        )
    show(shown)
