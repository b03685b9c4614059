"""What lies within reach: the runs of one folder and of the folders in it, nothing beyond by a path or a link."""

from __future__ import annotations

import os
from pathlib import Path

from surefoot.errors import RunNotFound, StoreError
from surefoot.store.connection import FILE_NAME

_DEEPEST = 2  # a sweep's folder, then its member's


class Folder:
    """A folder of runs.

    Args:
        path: Of it.

    Raises:
        StoreError: There is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_dir():
            raise StoreError(
                f"{path} is no folder: name one that holds runs, or make a run with `surefoot run SCRIPT`."
            )
        self.path = path.resolve()

    def runs(self) -> list[str]:
        """Names of its runs."""
        try:
            names = sorted(filter(_sendable, os.listdir(self.path)))
        except OSError:
            return []
        return [name for name in names if self._holds_run(name)]

    def run(self, name: str) -> Path:
        """The folder of a run.

        Args:
            name: As `runs` gives it, or "SWEEP/MEMBER".

        Raises:
            RunNotFound: There is none of that name within the folder.
        """
        if not self._holds_run(name):
            raise RunNotFound(f"there is no run {name[:200]!r} here.")
        return self.path / name

    def _holds_run(self, name: str) -> bool:
        """Whether a folder of that name, really within this one, really has a run's file with something in it."""
        parts = name.split("/")
        if len(parts) > _DEEPEST or any(part in ("", ".", "..") or part.startswith(".") for part in parts):
            return False
        try:
            path = self.path.joinpath(*parts, FILE_NAME)
            return path.resolve(strict=True) == path and path.is_file() and path.stat().st_size > 0
        except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
            return False


def _sendable(name: str) -> bool:
    """Whether a browser can ask for it: bytes that are no text have no address."""
    return name.isprintable()
