"""`surefoot find-lr`: a learning-rate range test of an unchanged script."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from surefoot.cli import LOADED_BEFORE
from surefoot.cli.output import say, show, show_rich
from surefoot.cli.places import check_file, check_new_run
from surefoot.cli.run_options import Json, Module, Name, Runs
from surefoot.errors import ScriptError, SettingError
from surefoot.store.folders import DEFAULT_RUNS

_SUFFIXES = (".png", ".svg", ".html")


def find_lr(
    context: typer.Context,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Picture (.png, .svg) or page (.html) to write."),
    ] = None,
    range_: Annotated[
        str, typer.Option("--range", metavar="LOW:HIGH", help="Rates to sweep, those of the first group.")
    ] = "1e-6:10",
    steps: Annotated[int, typer.Option("--steps", metavar="N", min=20, help="Of the sweep.")] = 100,
    linear: Annotated[
        bool, typer.Option("--linear", help="Sweep in equal steps, not in equal factors.")
    ] = False,
    after: Annotated[
        int, typer.Option("--after", metavar="N", min=0, help="Steps of ordinary training before.")
    ] = 0,
    confirm: Annotated[
        bool | None,
        typer.Option(
            "--confirm/--no-confirm", help="Try each suggestion; by default where it takes under a minute."
        ),
    ] = None,
    confirm_steps: Annotated[
        int | None,
        typer.Option("--confirm-steps", metavar="N", min=10, help="Of each trial; default 100, or --steps."),
    ] = None,
    seed: Annotated[
        int,
        typer.Option("--seed", metavar="N", min=0, help="Of everything random, where the script sets none."),
    ] = 0,
    runs: Runs = DEFAULT_RUNS,
    name: Name = None,
    as_json: Json = False,
    module: Module = None,
) -> None:
    """Sweep the learning rate of a script, say what the curve suggests, and try it."""
    target = context.obj
    if target is None:
        raise SettingError("no script was named: surefoot find-lr SCRIPT, or surefoot find-lr -m MODULE.")
    from surefoot.lr_range_test.ranges import Spacing, check_range

    first, last = _range(range_)
    spacing: Spacing = "linear" if linear else "exponential"
    check_range(first, last, steps, spacing, after)
    if output is not None and Path(output).suffix.lower() not in _SUFFIXES:
        raise SettingError(f"-o {output} is no picture that can be drawn: end it in {', '.join(_SUFFIXES)}.")
    check_file("--output", output)
    check_new_run(name, runs)
    if output is not None and Path(output).suffix.lower() != ".html":
        from surefoot.figures.canvas import matplotlib_or_raise

        matplotlib_or_raise()

    from surefoot.lr_range_test.json import summary
    from surefoot.lr_range_test.script import Settings, range_test

    settings = Settings(first, last, steps, spacing, after, confirm, confirm_steps, seed)
    picture = None if output is None else Path(output).absolute()
    try:
        test = range_test(
            target,
            settings,
            Path(runs).resolve(),
            name,
            loaded=LOADED_BEFORE,
            tell=say,
        )
    except SyntaxError as error:
        where = f"{error.filename or target.name}, line {error.lineno}"
        raise ScriptError(f"{where} is not valid Python: {error.msg}; nothing was run.") from None
    if test.path is None:
        return  # another process of the training says it
    if picture is not None:
        test.draw(picture)
    if as_json:
        show(json.dumps(summary(test), indent=2))
        return
    show_rich(test)
    if output is not None:
        show(f"wrote {output}")


def _range(text: str) -> tuple[float, float]:
    """`LOW:HIGH`.

    Raises:
        SettingError: It is none.
    """
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        raise SettingError(f"--range {text} is no range: give LOW:HIGH, such as 1e-6:10.") from None
    return low, high
