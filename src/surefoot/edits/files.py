"""A script's file: read as Python reads it, and written with the old one kept."""

from __future__ import annotations

import os
import shutil
import tokenize
from pathlib import Path

from surefoot.edits.record import Edit
from surefoot.errors import SettingError

KEPT = ".orig"


def read(path: str | Path) -> str:
    """A script's text with its own line ends, in the encoding that it declares.

    Args:
        path: The script.

    Raises:
        SettingError: It cannot be read, or is no text.
    """
    try:
        with open(path, "rb") as file:
            encoding, _ = tokenize.detect_encoding(file.readline)
        with open(path, encoding=encoding, newline="") as text:
            return text.read()
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (SyntaxError, UnicodeError) as error:
        raise SettingError(f"{path} is not in the encoding that it declares: {error}.") from error


def place_of_the_old(path: str | Path) -> Path:
    """Where the old script is kept when an edit is written.

    Args:
        path: The script; a link is followed.

    Raises:
        SettingError: One is kept there already.
    """
    script = Path(path).resolve()
    kept = script.with_name(script.name + KEPT)
    if kept.exists() or kept.is_symlink():
        raise SettingError(f"{kept} is there already: move it away, then write again.")
    return kept


def write(path: str | Path, edit: Edit) -> Path:
    """Put an edit into its script and keep the old one beside it, as `train.py.orig`.

    Args:
        path: The script; a link is followed.
        edit: Made of its text as it is.

    Returns:
        Where the old one is kept.

    Raises:
        SettingError: The script has changed since, an old one is kept already, or a file cannot be written.

    Effects:
        Writes the script at once, with the permissions that it had, and the kept file.
    """
    script = Path(path).resolve()
    if read(script) != edit.before:
        raise SettingError(f"{path} has changed since it was tried: try it again.")
    kept = place_of_the_old(script)
    fresh = script.with_name(f".{script.name}.{os.getpid()}")
    try:
        shutil.copy2(script, kept)
        _written(fresh, script, edit.source)
        os.replace(fresh, script)
    except (OSError, UnicodeError) as error:
        for made in (fresh, kept):
            made.unlink(missing_ok=True)
        raise SettingError(
            f"{script} cannot be written: {getattr(error, 'strerror', None) or error}."
        ) from error
    return kept


def _written(fresh: Path, script: Path, text: str) -> None:
    with script.open("rb") as file:
        encoding, _ = tokenize.detect_encoding(file.readline)
    with fresh.open("w", encoding=encoding, newline="") as out:
        out.write(text)
    shutil.copymode(script, fresh)
