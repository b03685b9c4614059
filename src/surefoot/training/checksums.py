"""SHA-256 of a folder's files, in the form that `sha256sum --check` reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

SUMS = "SHA256SUMS"
_PIECE = 1 << 20


def sums_of(folder: Path, names: Iterable[str]) -> str:
    """Text of the list of sums of these files.

    Raises:
        OSError: One cannot be read.
    """
    return "".join(f"{file_sum(folder / name)}  {name}\n" for name in sorted(names))


def file_sum(path: Path) -> str:
    """SHA-256 of one file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def sums_digest(folder: Path) -> str | None:
    """SHA-256 of the list itself; None where there is none."""
    try:
        return file_sum(folder / SUMS)
    except OSError:
        return None


def mismatch(folder: Path, names: Iterable[str]) -> str | None:
    """What differs from the list of sums: the file and how; None where all is as it was written."""
    names = sorted(names)
    for name in (*names, SUMS):
        if not (folder / name).is_file():
            return f"{name} is missing"
    try:
        listed = (folder / SUMS).read_bytes()
        found = {name: f"{file_sum(folder / name)}  {name}\n".encode() for name in names}
    except OSError as error:
        return f"{Path(error.filename or SUMS).name} cannot be read: {error.strerror}"
    if listed == b"".join(found.values()):
        return None
    wrong = [name for name, line in found.items() if line not in listed]
    if len(wrong) == 1:
        return f"{wrong[0]} is not what was written, its SHA-256 differs from that in {SUMS}"
    return f"{SUMS} is not what was written"
