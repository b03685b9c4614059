"""A range test for a terminal of 80 columns: answer, suggestions, trials, what to run next. Imports Rich."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from surefoot.lr_range_test.records import RangeTest
from surefoot.lr_range_test.wording import came_to, interval, suggested_by
from surefoot.report.numbers import number, value


def view(test: RangeTest) -> RenderableType:
    """The test for `rich.console.Console.print`."""
    found = test.found
    style = "bold green" if test.lr is not None else "bold yellow"
    lead = "surefoot: use " if test.lr is not None else "surefoot: "
    parts: list[RenderableType] = [Text.assemble(lead, (found.said, style)), Text(), _suggestions(test)]
    if test.trials:
        parts += [Text(), _trials(test)]
    parts += [Text(), *(Text(line, "dim") for line in _about(test))]
    if found.command:
        parts += [Text(), Text(found.command, "bold")]
    return Group(*parts)


def text(test: RangeTest) -> str:
    """The same without colours, in 100 columns."""
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(view(test))
    return captured.get().rstrip("\n")


def _suggestions(test: RangeTest) -> Table:
    table = _table("suggestion", "rate", "between", "")
    for each in test.suggestions:
        if each.rate is None and each.said in test.found.said:
            continue  # it is the answer, above
        rate = "none" if each.rate is None else value(each.rate)
        table.add_row(each.method, rate, interval(each), each.said)
    return table


def _trials(test: RangeTest) -> Table:
    validated = any(trial.validated for trial in test.trials)
    table = _table("tried", "steps", "validation loss" if validated else "training loss", "suggested by")
    for trial in test.trials:
        mark = "bold green" if trial.rate == test.lr else ""
        table.add_row(
            Text(value(trial.rate), mark),
            number(trial.judged_at),
            came_to(trial),
            suggested_by(trial.methods),
        )
    return table


def _table(first: str, *rest: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, no_wrap=True)
    for name in rest[:-1]:
        table.add_column(name, justify="right", overflow="fold")
    table.add_column(rest[-1], overflow="fold")
    return table


def _about(test: RangeTest) -> Iterator[str]:
    """How the curve was made, in lines."""
    found, curve = test.found, test.curve
    after = f", after {number(found.after)} steps" if found.after else ""
    swept = f"{value(found.first)} to {value(found.last)}"
    yield f"{found.optimizer}, {found.spacing} sweep of {swept} in {number(len(curve))} steps{after}"
    noise = "" if found.noise is None else f"; the losses scatter by {value(found.noise)}"
    yield f"ended by: {found.ended}{noise}"
    if test.path is not None:
        yield f"kept as {test.path.name}: surefoot show, surefoot report"
