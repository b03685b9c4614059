"""The table of runs, live: each row made anew when its files changed, so that only what is new has to be sent."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from surefoot.errors import StoreError
from surefoot.report.json import plain
from surefoot.report.listing import Listed, listed_with
from surefoot.report.places import script_name
from surefoot.store.connection import FILE_NAME
from surefoot.store.notes import NOTES, read_notes
from surefoot.store.reader import open_run
from surefoot.view.folder import Folder
from surefoot.view.judging import Judging

Row = dict[str, Any]

_FRESH = 0.8  # seconds for which a look at the folder holds, whoever asks
_FILES = (FILE_NAME, f"{FILE_NAME}-wal", NOTES)


class Table:
    """Rows of all runs of a folder. For several threads at once.

    Args:
        folder: What lies within reach.
        judging: What was found.
    """

    def __init__(self, folder: Folder, judging: Judging) -> None:
        self._folder, self._judging = folder, judging
        self._lock = threading.Lock()
        self._looked = float("-inf")
        self._version = 0
        self._anew: set[str] = set()
        self._signatures: dict[str, tuple[object, ...]] = {}
        self._rows: dict[str, tuple[int, Row | None]] = {}  # version of the last change; None: it is gone
        self._made = secrets.token_hex(4)  # versions of another process mean nothing here

    def changes(self, cursor: str = "") -> tuple[str, list[Row], list[str]]:
        """What changed since a cursor.

        Args:
            cursor: As it was returned, "" or that of another server: everything.

        Returns:
            Cursor now, rows that are new or other, names of those that are gone.
        """
        with self._lock:
            if time.monotonic() - self._looked > _FRESH:
                self._look()
                self._looked = time.monotonic()
            made, _, version = cursor.partition("-")
            seen = int(version) if made == self._made and version.isdecimal() else -1
            changed = {name: row for name, (at, row) in self._rows.items() if at > seen}
            rows = [row for row in changed.values() if row is not None]
            gone = [name for name, row in changed.items() if row is None]
            return f"{self._made}-{self._version}", rows, gone if seen >= 0 else []

    def forget(self, names: Iterable[str] = ()) -> None:
        """Look anew at once, and tell of the named ones even where they are as before: a page may have guessed."""
        with self._lock:
            self._looked = float("-inf")
            self._anew.update(names)

    def _look(self) -> None:
        names = self._folder.runs()
        for name in self._signatures.keys() - set(names):
            del self._signatures[name]
            self._put(name, None)
        for name in names:
            path = self._folder.path / name
            signature = tuple(_stamp(path / file) for file in _FILES)
            _, row = self._rows.get(name, (0, None))
            # A process may end without a word, and a judgement comes when it comes.
            under_way = row is not None and (row["status"] == "running" or row.get("verdict") == "judging")
            if self._signatures.get(name) != signature or under_way or name in self._anew:
                self._signatures[name] = signature
                made = row_of(name, path, self._judging)
                if made != row or name in self._anew:
                    self._put(name, made)
        self._anew.clear()

    def _put(self, name: str, row: Row | None) -> None:
        self._version += 1
        self._rows[name] = (self._version, row)


def row_of(name: str, path: Path, judging: Judging) -> Row:
    """One row, JSON values; of a run that cannot be read, why.

    Args:
        name: Under which it is asked for.
        path: Its folder.
        judging: What was found.
    """
    notes = read_notes(path)
    said: Row = {"name": name, "tags": list(notes.tags), "note": notes.text}
    try:
        with open_run(path) as reader:
            findings = judging.findings(reader)
            figures = _figures(listed_with(reader, findings or ()))
    except (StoreError, OSError) as error:
        return said | {"status": "unreadable", "verdict": "unreadable", "error": str(error)}
    made: Row = plain(said | figures | ({"verdict": "judging"} if findings is None else {}))
    return made


def _figures(found: Listed) -> Row:
    run = found.run
    first = found.findings[0] if found.findings else None
    return {
        "status": run.status if found.verdict.extent != "recording stopped" else "incomplete",
        "steps": run.steps,
        "loss": found.loss,
        "validation": found.validation,
        "norm": found.norm,
        "clipped": found.clip_rate,
        "verdict": "range test" if found.range_test else found.verdict.word,
        "said": found.range_test or found.verdict.said,
        "finding": first and {"code": first.code, "severity": first.severity, "title": first.title},
        "more": max(0, len(found.findings) - 1),
        "script": script_name(run),
        "arguments": list(run.argv),
        "started": run.started,
        "seconds": None if run.ended is None else run.ended - run.started,
        "error": run.error,
    }


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
