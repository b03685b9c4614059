"""The command that finds a rate for the script of a run, as fixes name it."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from surefoot.records import History


def find_lr(history: History) -> str:
    """What to type, or to call where there is no script to be run again.

    Example:
        >>> from surefoot.records import Run
        >>> find_lr(History(Run("", "", "/home/ada/train.py", ("--epochs", "3"))))
        '`surefoot find-lr train.py --epochs 3`'
        >>> find_lr(History(Run("", "", "interactive")))
        '`sf.find_lr(model, loss, data)`'
    """
    run = history.run
    if not run.script or run.script == "interactive":
        return "`sf.find_lr(model, loss, data)`"
    return f"`surefoot find-lr {shlex.join((PurePath(run.script).name, *run.argv))}`"
