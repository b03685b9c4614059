"""What lies within reach: the runs of one folder and the members of its sweeps, nothing beyond by a path or a link."""

from __future__ import annotations

import os
from pathlib import Path

from surefoot.errors import RunNotFound, StoreError
from surefoot.store.connection import FILE_NAME

SWEEP_FILE = "sweep.json"
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

    def runs(self, below: str = "") -> list[str]:
        """Names of its runs, or of those of a sweep.

        Args:
            below: Name of a sweep.
        """
        return [name for name in self._entries(below) if self._holds(name, FILE_NAME)]

    def sweeps(self) -> list[str]:
        """Names of its sweeps."""
        return [name for name in self._entries("") if self._holds(name, SWEEP_FILE)]

    def run(self, name: str) -> Path:
        """The folder of a run.

        Args:
            name: As `runs` gives it.

        Raises:
            RunNotFound: There is none of that name within the folder.
        """
        if not self._holds(name, FILE_NAME):
            raise RunNotFound(f"there is no run {name[:200]!r} here.")
        return self.path / name

    def sweep(self, name: str) -> Path:
        """The folder of a sweep; arguments and errors as for `run`."""
        if not self._holds(name, SWEEP_FILE):
            raise RunNotFound(f"there is no sweep {name[:200]!r} here.")
        return self.path / name

    def _holds(self, name: str, file: str) -> bool:
        """Whether a folder of that name, really within this one, really has a file with something in it."""
        parts = name.split("/")
        if len(parts) > _DEEPEST or any(part in ("", ".", "..") or part.startswith(".") for part in parts):
            return False
        try:
            path = self.path.joinpath(*parts, file)
            return path.resolve(strict=True) == path and path.is_file() and path.stat().st_size > 0
        except (OSError, ValueError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
            return False

    def _entries(self, below: str) -> list[str]:
        try:
            names = sorted(filter(_sendable, os.listdir(self.path / below)))
        except OSError:
            return []
        return [f"{below}/{name}" if below else name for name in names]


def _sendable(name: str) -> bool:
    """Whether a browser can ask for it: bytes that are no text have no address."""
    return name.isprintable()
