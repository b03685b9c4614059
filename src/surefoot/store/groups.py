"""A training of several processes: one folder, in which each process has a run of its own.

NAME/run.db                      the script's own process, where it trained
NAME/processes/rank-0/run.db     each of the others
NAME/training                    what tells this training from another of the name, where others made the folder
"""

from __future__ import annotations

import itertools
import os
import re
import time
from pathlib import Path

from surefoot.interrupts import pass_on
from surefoot.store.connection import FILE_NAME, plain_errors

PROCESSES = "processes"
_KEY = "training"
_PATIENCE = 2.0  # seconds that another process may take between making a folder and marking it


def new_key() -> str:
    """What no other training has."""
    return f"{os.getpid()}-{time.time_ns()}"


def group_folder(runs: Path, base: str, key: str) -> Path:
    """The training's folder: whoever comes first makes it, the others find it.

    Args:
        runs: Folder of all runs; made if missing.
        base: Name, to which -2, -3 … are appended where it is another run's.
        key: Of the training.

    Raises:
        StoreError: The folder cannot be made.
    """
    with plain_errors(runs / base, "written"):
        runs.mkdir(parents=True, exist_ok=True)
        for folder in _candidates(runs, base):
            try:
                folder.mkdir()
            except FileExistsError:
                if _key_of(folder) == key:
                    return folder
                continue
            fresh = folder / f".{_KEY}"
            fresh.write_text(key, encoding="utf-8")
            fresh.replace(folder / _KEY)
            return folder
    raise AssertionError("names never end")


def find_group(runs: Path, base: str, key: str) -> Path | None:
    """The training's folder, if one of its processes has made it."""
    for folder in _candidates(runs, base):
        if not folder.is_dir():
            return None
        if _key_of(folder) == key:
            return folder
    return None


def runs_in(folder: Path) -> list[Path]:
    """Folders of the runs of a training's processes beside the script's own, in the order of their ranks.

    A link is none of them: who shows a run shows nothing that lies elsewhere.
    """
    try:
        within = Path(os.path.realpath(folder), PROCESSES).iterdir()
        own = [
            path.name for path in within if (file := path / FILE_NAME).is_file() and file.resolve() == file
        ]
        found = [folder / PROCESSES / name for name in own]
    except OSError as error:
        pass_on(error)
        return []
    return sorted(found, key=_by_number)


def _candidates(runs: Path, base: str) -> itertools.chain[Path]:
    return itertools.chain([runs / base], (runs / f"{base}-{count}" for count in itertools.count(2)))


def _key_of(folder: Path) -> str | None:
    """The key in a folder; one that was made just now may still get its own."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            return (folder / _KEY).read_text(encoding="utf-8")
        except OSError as error:
            pass_on(error)
        if _names(folder) - {f".{_KEY}", _KEY} or time.monotonic() > until:
            return None  # a run of one process
        time.sleep(0.01)


def _names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir()}
    except OSError as error:
        pass_on(error)
        return {""}


def _by_number(path: Path) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.name)]
