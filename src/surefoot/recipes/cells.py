"""Results of many small trainings, kept one by one, so that an interrupted comparison goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from surefoot.errors import StoreError


class Cells:
    """Finished trainings, kept in a file so that an interrupted comparison goes on.

    Args:
        path: Of the file.
        settings: What all of them share; those of other settings do not count.
        resume: Read what is there; otherwise begin anew.
    """

    def __init__(self, path: Path, settings: dict[str, Any], *, resume: bool) -> None:
        self._path, self._settings = path, settings
        self._found: dict[str, dict[str, Any]] = {}
        try:
            kept = []
            if resume and path.exists():
                kept = [line for line in path.read_text(encoding="utf-8").splitlines() if self._read(line)]
            # A training killed while it wrote left half a line, which nothing may be added to.
            path.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{path} cannot be used ({error.strerror}); choose another folder.") from None

    def _read(self, line: str) -> bool:
        """Take a result in, if its settings are these; whether the line is whole."""
        try:
            cell = json.loads(line)
            if cell["settings"] == self._settings:
                self._found[cell["key"]] = cell["result"]
        except (json.JSONDecodeError, KeyError, TypeError):
            return False
        return True

    def get(self, key: str) -> dict[str, Any] | None:
        """The result of a training, if it is finished."""
        return self._found.get(key)

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        self._found[key] = result
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "settings": self._settings, "result": result}) + "\n")
