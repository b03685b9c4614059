"""`surefoot try`: the fixes of what is found, tried."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from surefoot.cli.output import say, show
from surefoot.cli.places import check_new_run
from surefoot.cli.run_options import Json, Module, Quiet, Runs
from surefoot.errors import SettingError
from surefoot.store.runs import DEFAULT_RUNS


def try_fixes(
    context: typer.Context,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="Stop each training after N optimizer steps.")
    ] = 200,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Trainings at once; default: one a processor."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Let a script run again that writes files.")] = False,
    isolated: Annotated[
        bool, typer.Option("--isolated", help="Run each training in a copy of the working folder.")
    ] = False,
    runs: Runs = DEFAULT_RUNS,
    as_json: Json = False,
    quiet: Quiet = False,
    module: Module = None,
) -> None:
    """Try the fixes of what is found in a script, by hooks, and say what each did to its loss."""
    if context.obj is None:
        raise SettingError("no script was named: surefoot try SCRIPT, or surefoot try -m MODULE.")
    check_new_run(None, runs)

    from surefoot.experiment.engine import Plan, try_script

    plan = Plan(steps, isolated, jobs, lambda files: yes or _agreed(files))
    try:
        found = try_script(context.obj, plan, Path(runs).absolute(), (lambda said: None) if quiet else say)
    except KeyboardInterrupt:
        say("interrupted; nothing of the script's was changed.")
        raise typer.Abort from None
    show(json.dumps(found.summary(), indent=2) if as_json else str(found))


def _agreed(files: list[str]) -> bool:
    """Whether somebody at a terminal lets the script write these again."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    say(f"it writes {len(files)} files: {', '.join(files[:3])}")
    return typer.confirm("Run it again with each fix?", err=True)
