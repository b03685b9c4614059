"""A comparison for a terminal of 80 columns. Imports Rich."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from surefoot.comparison.records import Comparison, Difference, Pair, Word
from surefoot.comparison.rows import RELATIONS, change, rows
from surefoot.comparison.sentence import parameter_said, same_until
from surefoot.records import Finding
from surefoot.report.numbers import number, value

_STYLES: dict[Word, str] = {
    "better": "bold green",
    "worse": "bold red",
    "same": "bold",
    "unknown": "bold yellow",
}
_DIFF = {"+": "green", "-": "red", "@": "cyan"}
_BESIDE = 3  # runs that stand side by side in 80 columns; more get a line each
_LINES = 30  # of a script's difference
_CHANGES = 12  # of a section, where more are counted


def view(comparison: Comparison) -> RenderableType:
    """The comparison for `rich.console.Console.print`: first the answer, then what it rests on."""
    style = _STYLES[comparison.word] if len(comparison.sides) == 2 else "bold"
    parts: list[RenderableType] = [Text.assemble("surefoot: ", (comparison.said, style)), Text()]
    several = len(comparison.sides) > _BESIDE
    parts.append(_lines(comparison) if several else _columns(comparison))
    for pair in comparison.pairs:
        body = list(_pair(pair, brief=several))
        if len(comparison.pairs) > 1 and body:
            parts += [Text(), _heading(comparison, pair)]
        parts += body
    return Group(*parts)


def _heading(comparison: Comparison, pair: Pair) -> Text:
    label = comparison.sides[pair.after].label
    if pair.relation == "changed":
        return Text(f"{label} ({pair.word})", _STYLES[pair.word])
    return Text(f"{label} ({RELATIONS[pair.relation]})", "bold")


def _columns(comparison: Comparison) -> Table:
    table = _table()
    table.add_column("", no_wrap=True, style="dim", max_width=28)
    for side in comparison.sides:
        table.add_column(side.label, overflow="fold", ratio=1)
    for row in rows(comparison):
        table.add_row(row.name, *row.cells)
    return table


def _lines(comparison: Comparison) -> Table:
    made = {row.name: row.cells for row in rows(comparison)}
    losses = [name for name in made if name.startswith("loss near step") or name == "validation loss, last"]
    table = _table()
    table.add_column("run", overflow="fold", ratio=2)
    names = ["steps", *losses, "steps/s", "main finding"]
    for name in names:
        table.add_column(
            name, overflow="fold", ratio=1, justify="left" if name == "main finding" else "right"
        )
    for place, side in enumerate(comparison.sides):
        table.add_row(side.label, *(made[name][place] if name in made else "" for name in names))
    return table


def _table() -> Table:
    return Table(box=None, pad_edge=False, header_style="bold")


def _pair(pair: Pair, brief: bool) -> Iterator[RenderableType]:
    findings = [
        *_findings("gone", pair.gone, "green"),
        *_findings("new", pair.new, "red"),
        *_findings("kept", pair.kept, "dim"),
    ]
    if findings:
        yield from (() if brief else (Text(),))
        yield _labelled(findings)
    changes = list(_changes(pair.differences))
    if changes:
        yield from (() if brief else (Text(), Text("what differs", "bold")))
        yield _labelled(changes)
    if pair.code and not brief:
        yield Text()
        yield Text("code", "bold")
        yield Padding(_diff(pair.code), (0, 0, 0, 2), expand=False)
    if pair.relation != "one run":
        yield from (() if brief else (Text(),))
        yield _labelled(_parting(pair))


def _labelled(lines: Sequence[tuple[str, str, str]]) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=12, no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for label, body, style in lines:
        table.add_row(Text(f"  {label}", style), Text(body))
    return table


def _findings(label: str, findings: Sequence[Finding], style: str) -> Iterator[tuple[str, str, str]]:
    for finding in findings:
        yield label, f"{finding.code}: {finding.title}", style


def _changes(differences: Sequence[Difference]) -> Iterator[tuple[str, str, str]]:
    for section in dict.fromkeys(difference.section for difference in differences):
        mine = [difference for difference in differences if difference.section == section]
        for place, difference in enumerate(mine[:_CHANGES]):
            yield ("" if place else section), change(difference), "dim"
        if len(mine) > _CHANGES:
            yield "", f"… {len(mine) - _CHANGES} more", "dim"


def _diff(code: str) -> Text:
    lines = code.splitlines()
    text = Text()
    for line in lines[2 : _LINES + 2]:  # without the two names
        text.append(f"{line}\n", _DIFF.get(line[:1], ""))
    if len(lines) > _LINES + 2:
        text.append(f"… {number(len(lines) - _LINES - 2)} lines more: -o compare.html has all\n", "dim")
    text.rstrip()
    return text


def _parting(pair: Pair) -> list[tuple[str, str, str]]:
    lines = [("parting", same_until(pair), "dim")]
    found = pair.parting
    if found is not None and (more := parameter_said(found)):
        lines.append(("", more, "dim"))
    if found is not None:
        said = f"{number(found.compared)} steps compared; rounding: up to {value(found.tolerance)} relative"
        lines.append(("", said, "dim"))
    return lines
