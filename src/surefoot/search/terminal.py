"""A sweep for a terminal of 80 columns: the verdict, the table, what else is to be said, what to run. Imports Rich."""

from __future__ import annotations

import math

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from surefoot.report.numbers import duration, number
from surefoot.search.records import Configuration, Sweep
from surefoot.search.settings import shown
from surefoot.search.targets import steps_to_target, target_loss

_ROWS = 20


def view(sweep: Sweep) -> RenderableType:
    """The sweep for `rich.console.Console.print`."""
    style = "bold green" if sweep.verdict.best is not None else "bold yellow"
    parts: list[RenderableType] = [
        Text.assemble("surefoot: ", (sweep.verdict.said, style)),
        Text(),
        _table(sweep),
    ]
    left = len(sweep.configurations) - _ROWS
    if left > 0:
        parts.append(Text(f"… and {left} more: --json, or -o sweep.html", "dim"))
    if sweep.remarks:
        parts += [Text(), *(Text(f"{remark}.", "dim") for remark in sweep.remarks)]
    if sweep.path is not None:
        parts += [Text(), Text(f"each training is a run: surefoot runs --runs {sweep.path}", "dim")]
    if sweep.command:
        parts += [Text(), Text(sweep.command, "bold")]
    return Group(*parts)


def text(sweep: Sweep) -> str:
    """The same without colours, in 100 columns."""
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(view(sweep))
    return captured.get().rstrip("\n")


def _table(sweep: Sweep) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    names = [axis.name for axis in sweep.axes]
    for name in names:
        table.add_column(name.strip("-="), justify="right", overflow="fold")
    for name in (sweep.objective, *(("±",) if sweep.seeds > 1 else ()), "steps to target", "time", ""):
        table.add_column(name, justify="right", overflow="fold")
    target = target_loss(sweep)
    for place, configuration in enumerate(sweep.configurations[:_ROWS]):
        cells = [shown(configuration.setting.get(name)) for name in names]
        cells += _figures(sweep, configuration, target)
        table.add_row(*cells, style="bold green" if place == 0 and sweep.verdict.best is not None else "")
    return table


def _figures(sweep: Sweep, configuration: Configuration, target: float | None) -> list[str]:
    mean = number(configuration.mean) if math.isfinite(configuration.mean) else "–"
    spread = configuration.deviation
    spreads = ["" if spread is None else number(spread, 2)] if sweep.seeds > 1 else []
    reached = None if target is None else steps_to_target(configuration, target)
    seconds = max((r.seconds for r in configuration.results.values()), default=0.0)
    status = "" if configuration.status == "finished" else configuration.status
    return [mean, *spreads, "–" if reached is None else number(round(reached)), duration(seconds), status]
