"""`surefoot compare`: runs beside each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot.cli.answering import answering
from surefoot.cli.configuration import all_ignored
from surefoot.cli.output import say, show, show_rich, write_file
from surefoot.cli.places import check_file
from surefoot.cli.run_options import Ignore, Json, Runs
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.comparison.gate import Gate

WORSE = 1


def compare(
    compared: Annotated[
        list[str],
        typer.Argument(metavar="A B [C…]", help="Runs, each its path, its name, its beginning, or last."),
    ],
    runs: Runs = DEFAULT_RUNS,
    ignore: Ignore = None,
    as_json: Json = False,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE.html", help="Write one self-contained HTML file."),
    ] = None,
    fail_if_worse: Annotated[
        str | None,
        typer.Option(
            "--fail-if-worse",
            metavar="5%",
            help="Exit 1 if a run's loss is so much greater than the first's.",
        ),
    ] = None,
) -> int:
    """Hold runs against the first of them: did the change help?"""
    from surefoot.comparison.engine import compare as held
    from surefoot.comparison.gate import gate, limit_of
    from surefoot.comparison.html import render
    from surefoot.comparison.json import summary
    from surefoot.comparison.terminal import view

    if output is not None:
        check_file("--output", output)
    limit = None if fail_if_worse is None else limit_of(fail_if_worse)
    codes = all_ignored(tuple(ignore or ()))
    with answering(" and ".join(compared)):
        comparison = held(*compared, runs=runs, ignore=codes)
        passed = None if limit is None else gate(comparison, limit)
        shown = json.dumps(summary(comparison, passed), indent=2) if as_json else view(comparison)
        page = None if output is None else render(comparison)
    if output is not None and page is not None:
        write_file(output, page)
    _show(shown, [f"wrote {output}"] if output else [], passed)
    return WORSE if passed is not None and passed.failed else 0


def _show(shown: object, remarks: list[str], passed: Gate | None) -> None:
    """The answer with its remarks; JSON alone, since it says them itself. What failed goes to stderr."""
    if isinstance(shown, str):
        show(shown)
    else:
        if passed is not None and not passed.failed:
            remarks = [passed.said, *remarks]
        show_rich(shown, *(["", *remarks] if remarks else []))
    if passed is not None and passed.failed:
        say(passed.said)
