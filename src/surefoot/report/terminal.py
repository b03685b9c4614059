"""The verdict for a terminal: the rows of `text`, with colour and hanging indents. Imports Rich."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from surefoot.records import Finding, History
from surefoot.report.text import Kind, finding_line, rows
from surefoot.report.verdict import judge

STYLES: dict[Kind, str] = {
    "error": "bold red",
    "warning": "bold yellow",
    "information": "bold cyan",
    "healthy": "bold green",
    "plain": "dim",
}


def verdict_view(history: History, findings: Sequence[Finding]) -> RenderableType:
    """The verdict for `rich.console.Console.print`: says what `text.verdict_text` says."""
    verdict = judge(history, findings)
    style = STYLES["warning" if verdict.word == "unknown" else verdict.word]
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for row in rows(history, findings):
        table.add_row(Text(f"  {row.label}", STYLES[row.kind]), _body(row.body, row.label, row.kind))
    return Group(Text.assemble("surefoot: ", (verdict.said, style)), table)


def finding_view(finding: Finding) -> Text:
    """A finding in one line, its severity coloured."""
    text = Text(finding_line(finding))
    start = len("surefoot: ")
    text.stylize(STYLES[finding.severity], start, start + len(finding.severity))
    text.stylize("dim", len(text) - len(f"[{finding.code}]"))
    return text


def _body(body: str, label: str, kind: Kind) -> Text:
    text = Text(body)
    if kind != "plain":  # "code: title"
        text.stylize("bold", 0, body.index(":"))
    elif not label:  # "where: …", "fix: …" below a finding
        text.stylize("dim", 0, body.index(":") + 1)
    return text
