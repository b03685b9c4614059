"""`surefoot runs` and `surefoot show`: what has been recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from surefoot.cli.answering import answering
from surefoot.cli.console import width_of
from surefoot.cli.output import show, show_rich
from surefoot.diagnosis import diagnose
from surefoot.errors import StoreError
from surefoot.lr_range_test.json import summary as range_test_summary
from surefoot.lr_range_test.keeping import range_test_of
from surefoot.records import Extent, Run
from surefoot.report.json import plain, summary
from surefoot.report.listing import Listed, listed
from surefoot.report.text import verdict_text
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs

# What the run's own status does not say.
_STATUS: dict[Extent, str] = {
    "recording stopped": "recording stopped",
    "end unknown": "end unknown",
    "nothing trained": "nothing trained",
}


_COLUMNS = ("run", "status", "steps", "loss", "verdict", "main finding", "script")


def show_list(runs: str, as_json: bool) -> None:
    """Print all runs of a folder, each with its verdict and main finding."""
    listed = [(run, _judged(run)) for run in list_runs(Path(runs))]
    if as_json:
        show(json.dumps([_fields(run, judged) for run, judged in listed], indent=2))
        return
    if not listed:
        show(f"no runs in {runs}")
        return
    rows = [(run.name, *_cells(judged)) for run, judged in listed]
    shown = _fitting(rows, width_of(sys.stdout))
    table = Table(box=None, pad_edge=False)
    for at in shown:
        right = _COLUMNS[at] in ("steps", "loss")
        table.add_column(_COLUMNS[at], justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(row[at] for at in shown))
    show_rich(table)


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """The columns that fit beside each other; a name says its script already, a finding that something is found."""
    widths = [max(len(name), *(len(row[at]) for row in rows)) for at, name in enumerate(_COLUMNS)]
    shown = list(range(len(_COLUMNS)))
    for spare in ("script", "status", "steps"):
        if sum(widths[at] + 2 for at in shown) - 2 > width:
            shown.remove(_COLUMNS.index(spare))
    return shown


def _judged(run: Run) -> Listed | StoreError:
    try:
        return listed(run.path)
    except StoreError as error:
        return error


def _cells(judged: Listed | StoreError) -> tuple[str, ...]:
    """All but the name."""
    if isinstance(judged, StoreError):
        return "unreadable", "", "", "", "", str(judged)
    run, last = judged.run, judged.loss
    if judged.range_test is not None:
        return "range test", f"{run.steps:,}", "", "", judged.range_test, Path(run.script).name
    loss = "" if last is None else f"{last:.4g}" if isinstance(last, float) else str(last)
    status = _STATUS.get(judged.verdict.extent, run.status)
    main = _main(judged) or ""
    return status, f"{run.steps:,}", loss, judged.verdict.word, main, Path(run.script).name


def _main(judged: Listed) -> str | None:
    return judged.findings[0].code if judged.findings else None


def _fields(run: Run, judged: Listed | StoreError) -> dict[str, object]:
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
    known = judged if isinstance(judged, Listed) else None
    return {
        "kind": "range test" if known and known.range_test else "training",
        **{name: plain(getattr(run, name)) for name in names},
        "verdict": known and (None if known.range_test else known.verdict.word),
        "main_finding": known and _main(known),
    }


def show_run(reference: str, runs: str, as_json: bool) -> None:
    """Print one run: how it went and what was found."""
    path = find_run(Path(runs), reference)
    with open_run(path) as reader:
        history, findings = reader.history(), reader.findings()
    with answering(path):
        test = range_test_of(history)
        if test is not None:
            show(json.dumps(range_test_summary(test), indent=2) if as_json else str(test))
            return
        # Nobody judged it at its end; or each process judged what it saw itself.
        if history.others or history.run.status in ("running", "crashed"):
            findings = diagnose(history)
        shown = (
            json.dumps(summary(history, findings), indent=2) if as_json else verdict_text(history, findings)
        )
    show(shown)
