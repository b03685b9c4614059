"""`surefoot doctor`, `surefoot explain`, `surefoot report`: a recorded run judged, a rule's page, a run as one file."""

from __future__ import annotations

import json

from rich.table import Table

from surefoot import rules
from surefoot.cli.answering import answering
from surefoot.cli.configuration import all_ignored
from surefoot.cli.output import show, show_rich, write_file
from surefoot.cli.places import check_file
from surefoot.diagnosis import history_of
from surefoot.lr_range_test.json import summary as range_test_summary
from surefoot.lr_range_test.keeping import range_test_of
from surefoot.lr_range_test.page import page as range_test_page
from surefoot.records import Finding, History
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.terminal import verdict_view


def _judged(reference: str, runs: str, ignore: tuple[str, ...] = ()) -> tuple[History, tuple[Finding, ...]]:
    codes = all_ignored(ignore)
    history = history_of(reference, runs)
    with answering(history.run.path):
        return history, rules.diagnose(history, ignore=codes)


def diagnose_run(reference: str, runs: str, ignore: tuple[str, ...], as_json: bool) -> None:
    """Judge a recorded run with the rules of today."""
    history, findings = _judged(reference, runs, ignore)
    with answering(history.run.path):
        test = range_test_of(history)
        if test is not None:
            show(json.dumps(range_test_summary(test), indent=2) if as_json else str(test))
            return
        shown = (
            json.dumps(summary(history, findings), indent=2) if as_json else verdict_view(history, findings)
        )
    if isinstance(shown, str):
        show(shown)
    else:
        show_rich(shown)


def explain_rule(code: str | None) -> None:
    """Print a rule's page, or all codes with a line each."""
    if code is not None:
        show(rules.explain(code))
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for column in ("code", "severity", "title"):
        table.add_column(column, no_wrap=column != "title")
    for rule in rules.all_rules():
        table.add_row(rule.code, rule.severity, rule.title)
    show_rich(table)


def write_report(reference: str, runs: str, output: str) -> None:
    """Write the HTML report of a recorded run."""
    check_file("--output", output)
    history, findings = _judged(reference, runs)
    with answering(history.run.path):
        test = range_test_of(history)
        page = render(history, findings) if test is None else range_test_page(test)
    write_file(output, page)
    show(output)
