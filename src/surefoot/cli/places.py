"""Names, folders and files that options give, checked before anything runs: what cannot be written is said at once."""

from __future__ import annotations

import os
from pathlib import Path

from surefoot.errors import SettingError
from surefoot.store.folders import DEFAULT_RUNS, checked_name


def check_new_run(name: str | None, runs: str) -> None:
    """Whether a run of that name can be made in that folder.

    The default folder is not checked: where it cannot be made, a script still runs, unrecorded.

    Raises:
        SettingError: It cannot.
    """
    if name is not None:
        checked_name(name)
    if runs != DEFAULT_RUNS:
        check_folder("--runs", runs)


def check_folder(option: str, folder: str | None) -> None:
    """Whether a folder can be written in, or made.

    Raises:
        SettingError: It cannot.
    """
    if folder is None:
        return
    path = _absolute(option, folder)
    above = next(place for place in (path, *path.parents) if os.path.lexists(place))
    if not above.is_dir():
        raise SettingError(f"{option} {folder}: {above} is no folder; name another.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise SettingError(f"{option} {folder}: {above} cannot be written in; name another.")


def check_file(option: str, file: str | None) -> None:
    """Whether a file can be written.

    Raises:
        SettingError: It cannot.
    """
    if file is None:
        return
    path = _absolute(option, file)
    if not path.parent.is_dir():
        what = "is no folder" if os.path.lexists(path.parent) else "does not exist"
        raise SettingError(f"{option} {file}: {path.parent} {what}; name a file in a folder that is there.")
    if path.is_dir():
        raise SettingError(f"{option} {file}: it is a folder; name a file.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise SettingError(f"{option} {file}: it cannot be written; name another.")


def _absolute(option: str, given: str) -> Path:
    if not given:
        raise SettingError(f"{option} is empty: give a path.")
    try:
        path = Path(os.path.abspath(given))
    except OSError:
        raise SettingError(
            f"{option} {given}: the working folder is gone; give a path from the root."
        ) from None
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # no file system takes such a name
        raise SettingError(f"{option} {given}: {getattr(error, 'strerror', None) or error}.") from None
    return path
