"""Names and folders of runs: readable, unique, never one that exists."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path, PurePath

from surefoot.errors import SettingError
from surefoot.store.connection import plain_errors

DEFAULT_RUNS = "surefoot-runs"  # the folder of all runs, where none is named
_RESERVED = frozenset({"", ".", "..", "last"})
_LONGEST = 120  # characters
_LONGEST_BYTES = 240  # file systems allow 255, and a number may follow


def make_folder(runs: Path, script: str, name: str | None, started: float) -> Path:
    """Make the folder of a new run.

    Args:
        runs: Folder of all runs; made if missing.
        script: Script or module, whose name the run takes by default.
        name: The user's own name for it.
        started: Seconds since the epoch.

    Returns:
        `runs/name`, with -2, -3 … appended where it is taken.

    Raises:
        SettingError: `name` cannot be a folder's name.
        StoreError: The folder cannot be made.
    """
    base = default_name(script, started) if name is None else checked_name(name)
    with plain_errors(runs / base, "written"):
        runs.mkdir(parents=True, exist_ok=True)
        count = 1
        while True:
            folder = runs / (base if count == 1 else f"{base}-{count}")
            try:
                folder.mkdir()  # fails where it exists, so two runs never share one
                return folder
            except FileExistsError:
                count += 1


def default_name(script: str, started: float) -> str:
    """The script's name and the local time.

    Example:
        >>> default_name("examples/digits.py", 0.0)[:11]
        'digits-1970'
    """
    path = PurePath(script.replace("\\", "/"))
    stem = path.stem if path.suffix == ".py" else path.name
    stem = re.sub(r"[^\w.+-]+", "-", stem).strip("-.")[:_LONGEST] or "run"
    return f"{stem}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.localtime(started))}"


def checked_name(name: str) -> str:
    """`name`, if a folder can be called so.

    Raises:
        SettingError: It is empty, "last", too long, or holds a separator or what cannot be printed.
    """
    unsayable = name in _RESERVED or not name.isprintable() or re.search(r'[/\\:*?"<>|]', name)
    if unsayable or len(name) > _LONGEST or len(os.fsencode(name)) > _LONGEST_BYTES:
        raise SettingError(
            f"{name!r} cannot name a run: use up to {_LONGEST} letters, digits and dashes, and not 'last'."
        )
    return name
