"""`surefoot backprop`: the backward pass of one step of an unchanged script, taken apart."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from surefoot.capture.script import Target
from surefoot.cli.output import show
from surefoot.cli.places import check_file
from surefoot.cli.run_options import Module
from surefoot.cli.subject_options import Dpi
from surefoot.cli.watching import run_under
from surefoot.errors import NothingTrained, ScriptError, SettingError

if TYPE_CHECKING:
    from surefoot.gradients import Backpropagation


def backprop(
    context: typer.Context,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Picture (.png, .svg, .pdf), page (.html) or table (.txt)."
        ),
    ] = None,
    dpi: Dpi = None,
    step: Annotated[
        int, typer.Option("--step", metavar="N", min=1, help="Which optimizer step's backward pass.")
    ] = 1,
    depth: Annotated[
        int | None,
        typer.Option("--depth", metavar="N", min=0, help="Collapse modules to so many dotted parts."),
    ] = None,
    expand: Annotated[
        list[str] | None,
        typer.Option(
            "--expand",
            metavar="MODULE",
            help="A module whose operations are listed one by one, or all; repeatable.",
        ),
    ] = None,
    beside: Annotated[
        list[str] | None,
        typer.Option(
            "--beside",
            metavar="ARGUMENTS",
            help="Arguments to run the script with once more, side by side; repeatable.",
        ),
    ] = None,
    module: Module = None,
) -> None:
    """Run a script up to one backward pass, and show the gradient on its way through the network."""
    target = context.obj
    if target is None:
        raise SettingError("no script was named: surefoot backprop SCRIPT, or surefoot backprop -m MODULE.")
    from surefoot.figures.canvas import PICTURES, matplotlib_or_raise

    path = None if output is None else Path(output).absolute()
    suffixes = (*PICTURES, ".html", ".txt")
    if path is not None and path.suffix.lower() not in suffixes:
        raise SettingError(f"-o {output} is no picture that can be drawn: end it in {', '.join(suffixes)}.")
    check_file("--output", output)
    if path is not None and path.suffix.lower() in PICTURES:
        matplotlib_or_raise()

    targets = [target, *(replace(target, arguments=_words(more)) for more in beside or ())]
    records = {_label(each): _taken_apart(each, step, depth, tuple(expand or ())) for each in targets}
    if path is not None:
        from surefoot.figures import draw_backprop

        shown = records if len(records) > 1 else next(iter(records.values()))
        show(draw_backprop(shown, path, depth=depth, dpi=dpi))


def _taken_apart(target: Target, step: int, depth: int | None, expand: tuple[str, ...]) -> Backpropagation:
    """Run one script and print its table."""

    def make() -> Any:
        from surefoot.capture.taken_apart import TakenApart

        return TakenApart(step)

    seen = run_under(target, make)
    record: Backpropagation | None = seen.record
    if record is None:
        if seen.fault is not None:
            raise ScriptError(f"the backward pass at {seen.place} could not be taken apart: {seen.fault}.")
        count = seen.steps if seen.has_optimizer else seen.backwards
        what = "optimizer steps" if seen.has_optimizer else "calls of backward"
        raise NothingTrained(f"{target.name} ended before step {step}: it made {count} {what}.")
    from surefoot.figures import backprop_text

    known = {module.module for module in record.collapsed(depth)}
    for module in expand:
        if module != "all" and module not in known:
            listed = ", ".join(sorted(name for name in known if name)) or "none"
            raise SettingError(
                f"--expand {module}: there is no such module in the table; there are {listed}."
            )
    show(f"step {step}, {seen.place}")
    show(backprop_text(record, depth=depth, expand=True if "all" in expand else expand))
    return record


def _label(target: Target) -> str:
    return " ".join((Path(target.name).name, *target.arguments))


def _words(arguments: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(arguments))
    except ValueError as error:
        raise SettingError(f"--beside {arguments!r} is no command line: {error}.") from None
