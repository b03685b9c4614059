"""Renaming a run, and taking it away so that it can be put back."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from surefoot.errors import RunNotFound, SettingError, StoreError
from surefoot.store.connection import FILE_NAME, connect_writer, plain_errors
from surefoot.store.folders import checked_name
from surefoot.store.reader import open_run

REMOVED = ".removed"  # beside the runs; no listing looks into a hidden folder


def rename_run(run: Path, name: str) -> Path:
    """Give a run another name, its folder and what it says of itself.

    Args:
        run: Its folder.
        name: The new one.

    Returns:
        Its folder now.

    Raises:
        SettingError: The name is taken or cannot be one, or the run is under way.
        StoreError: It cannot be written.
    """
    target = run.parent / checked_name(name)
    if name.startswith("."):
        raise SettingError(f"{name!r} cannot name a run: hidden folders are not looked into.")
    _check_over(run)
    if target.exists():
        raise SettingError(f"there is a {name!r} already: give another name.")
    with plain_errors(run / FILE_NAME, "written"):
        with closing(connect_writer(run / FILE_NAME)) as connection:
            connection.execute("UPDATE run SET name = ?", (name,))
        run.rename(target)
    return target


def take_away(run: Path) -> str:
    """Take a run away; `put_back` does what it says, as long as nobody deletes the folder `.removed`.

    Args:
        run: Its folder.

    Returns:
        What it is to be put back by.

    Raises:
        SettingError: The run is under way.
        StoreError: It cannot be moved.
    """
    _check_over(run)
    removed = run.parent / REMOVED
    with plain_errors(run, "written"):
        removed.mkdir(exist_ok=True)
        count = 1
        while (target := removed / (run.name if count == 1 else f"{run.name}-{count}")).exists():
            count += 1
        run.rename(target)
    return target.name


def put_back(runs: Path, removed: str, name: str) -> Path:
    """Put back a run that was taken away.

    Args:
        runs: Folder that it was in.
        removed: As `take_away` returned it.
        name: As it was called.

    Raises:
        RunNotFound: It is not there any more.
        SettingError: Another run has its name now.
        StoreError: It cannot be moved.
    """
    source, target = runs / REMOVED / checked_name(removed), runs / checked_name(name)
    if source.resolve() != source or not (source / FILE_NAME).is_file():
        raise RunNotFound(f"{name} was deleted for good.")
    if target.exists():
        raise SettingError(f"there is a {name!r} already: rename it first.")
    with plain_errors(target, "written"):
        os.rename(source, target)
    return target


def _check_over(run: Path) -> None:
    try:
        with open_run(run) as reader:
            running = reader.run().status == "running"
    except StoreError:  # what cannot be read can still be taken away
        return
    if running:
        raise SettingError(f"{run.name} is still running: wait for its end.")
