"""`surefoot doctor`, `surefoot explain`, `surefoot report`: a recorded run judged, a rule's page, a run as one file."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from surefoot import rules
from surefoot.cli.configuration import all_ignored
from surefoot.diagnosis import history_of
from surefoot.errors import StoreError
from surefoot.records import Finding, History
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.terminal import verdict_view


def _judged(reference: str, runs: str, ignore: tuple[str, ...] = ()) -> tuple[History, tuple[Finding, ...]]:
    history = history_of(reference, runs)
    return history, rules.diagnose(history, ignore=all_ignored(ignore))


def diagnose_run(reference: str, runs: str, ignore: tuple[str, ...], as_json: bool) -> None:
    """Judge a recorded run with the rules of today."""
    history, findings = _judged(reference, runs, ignore)
    if as_json:
        print(json.dumps(summary(history, findings), indent=2))
    else:
        Console(highlight=False).print(verdict_view(history, findings))


def explain_rule(code: str | None) -> None:
    """Print a rule's page, or all codes with a line each."""
    if code is not None:
        print(rules.explain(code))
        return
    for rule in rules.all_rules():
        print(f"{rule.code:32} {rule.severity:12} {rule.title}")


def write_report(reference: str, runs: str, output: str) -> None:
    """Write the HTML report of a recorded run."""
    history, findings = _judged(reference, runs)
    try:
        Path(output).write_text(render(history, findings), encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{output} cannot be written: {error.strerror}.") from None
    print(output)
