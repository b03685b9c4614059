"""Running a script for what it shows: its losses kept, or a backward pass taken apart; and its recorded run again."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from surefoot.capture.imports import after_import
from surefoot.capture.script import Target, execute, prepare
from surefoot.capture.tracebacks import clean
from surefoot.errors import NothingTrained, ScriptError

if TYPE_CHECKING:
    from surefoot.capture.passes import Passes
    from surefoot.records import Run

_P = TypeVar("_P", bound="Passes")
_AGAIN = "surefoot run {name} records it anew"


def run_under(target: Target, make: Callable[[], _P]) -> _P:
    """Run a script to its end (or limit) under hooks that are made when it imports torch.

    Returns:
        What was made, its hooks taken back.

    Raises:
        ScriptError: The script cannot be run, or failed; its own traceback has been shown.
        NothingTrained: It never imported torch.
    """
    made: list[_P] = []

    def begin() -> None:
        made.append(make())
        made[0].begin()

    try:
        prepared = prepare(target)
    except SyntaxError as error:
        where = f"{error.filename or target.name}, line {error.lineno}"
        raise ScriptError(f"{where} is not valid Python: {error.msg}; nothing was run.") from None
    give_up = after_import("torch", begin)
    try:
        outcome = execute(prepared)
    finally:
        give_up()
        for passes in made:
            passes.end()
    raised = outcome.error
    if raised is not None and not isinstance(raised, SystemExit):
        clean(raised)
        sys.excepthook(type(raised), raised, raised.__traceback__)
        raise ScriptError(
            f"{target.name} failed, so there is nothing to draw: {str(outcome.described).rstrip('.')}."
        )
    if outcome.exit_code:
        raise ScriptError(
            f"{target.name} ended with exit code {outcome.exit_code}, so there is nothing to draw."
        )
    if not made:
        raise NothingTrained(f"{target.name} trained nothing: torch was never imported.")
    return made[0]


def is_script(target: Target) -> bool:
    """Whether a target can only be a script or module, not the name of a recipe or a run."""
    name = target.name
    if target.is_module or name.endswith((".py", ".pyz")):
        return True
    kept = Path(name).name == "run.db" or Path(name).suffix == ".npz"  # a run, a landscape
    return os.path.isfile(os.path.join(name, "__main__.py")) or (os.path.isfile(name) and not kept)


def target_of(run: Run) -> Target:
    """The script of a recorded run with its command line, to be run once more.

    Raises:
        ScriptError: The script is gone or has changed since, or the run was made interactively.

    Effects: changes to the run's working directory, where there is one still.
    """
    name = Path(run.script).name
    again = _AGAIN.format(name=name)
    if run.script == "interactive":
        raise ScriptError(f"the run {run.name} was made interactively, so there is no script to run again.")
    try:
        text = Path(run.script).read_text(encoding="utf-8", errors="replace")
    except OSError:
        raise ScriptError(f"{run.script}, which made the run {run.name}, is gone; {again}.") from None
    if run.source and text != run.source:
        raise ScriptError(f"{run.script} has changed since it made the run {run.name}; {again}.")
    folder = run.environment.get("working_directory")
    if isinstance(folder, str) and os.path.isdir(folder):
        os.chdir(folder)
    module = _module(run)
    if module is not None:
        return Target(module, run.argv, is_module=True)
    return Target(run.script, run.argv)


def _module(run: Run) -> str | None:
    """The module's name, where the run was made by `surefoot run -m MODULE` or `python -m MODULE`."""
    words: list[Any] = shlex.split(run.command)
    rest = len(words) - len(run.argv)
    if rest >= 2 and words[rest - 2] == "-m" and tuple(words[rest:]) == run.argv:
        found = str(words[rest - 1])
        return None if found == "surefoot" else found
    return None
