"""The runs of a folder: all of them, or the one that is meant."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from surefoot.errors import RunNotFound, StoreError
from surefoot.records import Run
from surefoot.store.connection import FILE_NAME
from surefoot.store.groups import runs_in
from surefoot.store.reader import open_run

LAST = "last"


def list_runs(folder: Path | str) -> list[Run]:
    """All runs of a folder, the newest first; none if the folder does not exist.

    A run that cannot be read is listed with the reason as its `error`, "crashed", and after the others.

    Args:
        folder: Folder of runs, as `surefoot-runs`.
    """
    runs, unreadable = [], []
    for path in _run_folders(Path(folder)):
        try:
            with open_run(path) as reader:
                runs.append(reader.run())
        except StoreError as error:
            unreadable.append(
                Run(path=str(path), name=path.name, script="", status="crashed", error=str(error))
            )
    runs.sort(key=lambda run: (-run.started, run.name))
    return runs + unreadable


def run_names(folder: Path | str) -> list[str]:
    """Names of a folder's runs, none of them opened."""
    return sorted(path.name for path in _run_folders(Path(folder)))


def find_run(folder: Path | str, reference: Path | str) -> Path:
    """Folder of the run that is meant.

    Args:
        folder: Folder of runs.
        reference: A path (of a run's folder or its run.db), a name in `folder`, the unique beginning of one,
            or "last".

    Raises:
        RunNotFound: Nothing fits, or several runs do; the message lists near names.
    """
    folder, wanted = Path(folder), str(reference)
    if wanted == LAST:
        runs = list_runs(folder)
        if not runs:
            raise RunNotFound(f"{folder} holds no runs yet: make one with `surefoot run SCRIPT`.")
        return Path(runs[0].path)
    path = Path(reference)
    if path.name == FILE_NAME and os.path.isfile(path):
        return path.absolute().parent
    for candidate in (folder / path, path):
        # Asked so, also for names that no file system takes.
        if os.path.isfile(candidate / FILE_NAME) or runs_in(candidate):
            return candidate.absolute()
    names = run_names(folder)
    fitting = [name for name in names if wanted and name.startswith(wanted)]
    if len(fitting) == 1:
        return (folder / fitting[0]).absolute()
    if fitting:
        raise RunNotFound(
            f"{wanted!r} fits {len(fitting)} runs in {folder}: say which of {_listed(fitting)}."
        )
    near = difflib.get_close_matches(wanted, names, n=5, cutoff=0.4)
    if near:
        raise RunNotFound(f"there is no run {wanted!r} in {folder}; near names are {_listed(near)}.")
    advice = "`surefoot runs` lists them" if names else "it holds no runs yet"
    raise RunNotFound(f"there is no run {wanted!r} in {folder}, nor at that path; {advice}.")


def _run_folders(folder: Path) -> list[Path]:
    """Folders with a run in them; one that is only just being made (an empty file) is left out."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [path.absolute() for path in paths if _size(path / FILE_NAME) > 0 or runs_in(path)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
