"""`surefoot runs` and `surefoot show`: what has been recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from surefoot.cli.answering import answering
from surefoot.cli.console import width_of
from surefoot.cli.output import show, show_rich
from surefoot.diagnosis import diagnose
from surefoot.errors import StoreError
from surefoot.facts import RangeTest
from surefoot.lr_range_test.json import summary as range_test_summary
from surefoot.lr_range_test.keeping import range_test_of
from surefoot.records import Extent, History, Run, Verdict
from surefoot.report.json import ends, plain, summary
from surefoot.report.numbers import value
from surefoot.report.text import verdict_text
from surefoot.report.verdict import judge
from surefoot.store.reader import open_run
from surefoot.store.runs import find_run, list_runs

# What the run's own status does not say.
_STATUS: dict[Extent, str] = {
    "recording stopped": "recording stopped",
    "end unknown": "end unknown",
    "nothing trained": "nothing trained",
}


@dataclass(frozen=True, slots=True)
class _Listed:
    """A run with what stands beside it in the list."""

    run: Run
    loss: float | None
    verdict: Verdict
    main_finding: str | None
    range_test: str | None = None  # what it recommends, where the run is one


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


def _judged(run: Run) -> _Listed | StoreError:
    """What was found while it was recorded; a run that was never closed is judged now, as `show` does."""
    try:
        with open_run(run.path) as reader:
            run, loss, findings = reader.run(), reader.series("loss"), reader.findings()
            history = History(run, step_series={("loss", 0): loss}, all_facts=reader.facts())
            if not findings and run.ended is None:
                history = reader.history()
                findings = diagnose(history)
    except StoreError as error:
        return error
    main = findings[0].code if findings else None
    test = history.fact(RangeTest)
    return _Listed(run, ends(loss)["last"], judge(history, findings), main, _recommended(test))


def _recommended(test: RangeTest | None) -> str | None:
    if test is None:
        return None
    return "no rate" if test.recommended is None else f"use {value(test.recommended)}"


def _cells(judged: _Listed | StoreError) -> tuple[str, ...]:
    """All but the name."""
    if isinstance(judged, StoreError):
        return "unreadable", "", "", "", "", str(judged)
    run, last = judged.run, judged.loss
    if judged.range_test is not None:
        return "range test", f"{run.steps:,}", "", "", judged.range_test, Path(run.script).name
    loss = "" if last is None else f"{last:.4g}" if isinstance(last, float) else str(last)
    status = _STATUS.get(judged.verdict.extent, run.status)
    main = judged.main_finding or ""
    return status, f"{run.steps:,}", loss, judged.verdict.word, main, Path(run.script).name


def _fields(run: Run, judged: _Listed | StoreError) -> dict[str, object]:
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
    known = judged if isinstance(judged, _Listed) else None
    return {
        "kind": "range test" if known and known.range_test else "training",
        **{name: plain(getattr(run, name)) for name in names},
        "verdict": known and (None if known.range_test else known.verdict.word),
        "main_finding": known and known.main_finding,
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
        if history.run.status in ("running", "crashed"):  # nobody judged it at its end
            findings = diagnose(history)
        shown = (
            json.dumps(summary(history, findings), indent=2) if as_json else verdict_text(history, findings)
        )
    show(shown)
