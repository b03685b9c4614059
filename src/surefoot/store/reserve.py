"""Room on the disk kept back for a run's last words, for when it is full by then."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "run.db.reserve"
# The run's row is written anew with its last word (the script's text is in it), to the log and then to the file, in
# pages of 4 KB; and so are the rows of the findings.
_LEAST = 1 << 16


def keep_back(folder: Path, row: int) -> None:
    """Take room in a run's folder; where there is none, none is taken.

    Args:
        folder: The run's.
        row: Bytes of the text in the run's own row.
    """
    file = folder / NAME
    try:
        # Bytes that no file system can make smaller.
        file.write_bytes(os.urandom(_LEAST + 4 * row))
    except OSError:
        give_back(folder)


def give_back(folder: Path) -> None:
    """Leave the room to whoever needs it."""
    try:
        (folder / NAME).unlink(missing_ok=True)
    except OSError:
        pass
