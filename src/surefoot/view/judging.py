"""Judging runs that ended without a word, one after the other, while pages are already there."""

from __future__ import annotations

import queue
import threading
from pathlib import Path

from surefoot.diagnosis import diagnose
from surefoot.records import Finding
from surefoot.store.connection import FILE_NAME, plain_errors
from surefoot.store.reader import RunReader

_Key = tuple[Path, int]


class Judging:
    """Findings of all runs that are shown. For several threads at once."""

    def __init__(self) -> None:
        self._found: dict[_Key, tuple[Finding, ...] | None] = {}  # None: being judged
        self._waiting: queue.SimpleQueue[_Key] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def findings(self, reader: RunReader) -> tuple[Finding, ...] | None:
        """What was found of a run.

        Returns:
            As it was recorded, or as it was judged since; None while that is under way.
        """
        recorded = reader.findings()
        if recorded or reader.run().status != "crashed":
            return recorded
        with plain_errors(reader.path, "read"):  # it may be taken away meanwhile
            key = (reader.path, (reader.path / FILE_NAME).stat().st_mtime_ns)
        with self._lock:
            if key not in self._found:
                self._found[key] = None
                self._waiting.put(key)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._work, daemon=True)
                    self._thread.start()
            return self._found[key]

    def _work(self) -> None:
        while True:
            key = self._waiting.get()
            try:
                found = tuple(diagnose(key[0]))
            except Exception:  # whoever shows the run says why it cannot be read; others are waiting
                found = ()
            self._found[key] = found
