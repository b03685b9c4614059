"""`surefoot try`: the fixes of what is found, tried."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from surefoot.cli.output import say, show
from surefoot.cli.output import write as tell
from surefoot.cli.places import check_new_run
from surefoot.cli.run_options import Json, Module, Quiet, Runs
from surefoot.errors import ScriptError, SettingError
from surefoot.extras import require
from surefoot.store.folders import DEFAULT_RUNS

if TYPE_CHECKING:
    from surefoot.capture.script import Target
    from surefoot.experiment.records import TriedFixes


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
    diff: Annotated[
        bool,
        typer.Option(
            "--diff", help="Print the edit that makes the fixes that help stay; the table goes to stderr."
        ),
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Apply that edit, and keep the old script as SCRIPT.orig.")
    ] = False,
    runs: Runs = DEFAULT_RUNS,
    as_json: Json = False,
    quiet: Quiet = False,
    module: Module = None,
) -> None:
    """Try the fixes of what is found in a script, by hooks, and say what each did to its loss."""
    if context.obj is None:
        raise SettingError("no script was named: surefoot try SCRIPT, or surefoot try -m MODULE.")
    if as_json and (diff or write):
        raise SettingError("--json goes with neither --diff nor --write.")
    check_new_run(None, runs)
    script = _script(context.obj, write) if diff or write else None

    from surefoot.experiment.engine import Plan, try_script

    plan = Plan(steps, isolated, jobs, lambda files: yes or _agreed(files))
    try:
        found = try_script(context.obj, plan, Path(runs).absolute(), (lambda said: None) if quiet else say)
    except KeyboardInterrupt:
        say("interrupted; nothing of the script's was changed.")
        raise typer.Abort from None
    if not diff:
        show(json.dumps(found.summary(), indent=2) if as_json else str(found))
    elif not quiet:
        tell(f"{found}\n")
    if script is not None:
        _edit(found, *script, diff, write)


def _script(target: Target, write: bool) -> tuple[str, str]:
    """The script's file and its text before it runs; what an edit needs is asked for now, not after the trainings."""
    from surefoot.capture.script import prepare
    from surefoot.edits.files import place_of_the_old, read

    require("edits", ["libcst"])
    try:
        file = prepare(target).filename
    except SyntaxError as error:
        raise ScriptError(f"{target.name}, line {error.lineno} is not valid Python: {error.msg}.") from None
    if write:
        place_of_the_old(file)
    return file, read(file)


def _edit(found: TriedFixes, file: str, source: str, diff: bool, write: bool) -> None:
    from surefoot.edits import files
    from surefoot.experiment.edits import edit_of

    made, left = edit_of(found, source, file)
    for fix in left:
        say(
            f"no edit for {fix.said}: the place in the script is not certain{f' ({fix.where})' if fix.where else ''}."
        )
    if made is None:
        say("nothing to edit.")
        return
    if diff:
        show(made.diff(os.path.relpath(file)).rstrip("\n"))
    if write:
        kept = files.write(file, made)
        say(f"{os.path.relpath(file)} is edited; the old one is {os.path.relpath(kept)}.")


def _agreed(files: list[str]) -> bool:
    """Whether somebody at a terminal lets the script write these again."""
    if not sys.stdin or not sys.stdin.isatty():
        return False
    say(f"it writes {len(files)} files: {', '.join(files[:3])}")
    return typer.confirm("Run it again with each fix?", err=True)
