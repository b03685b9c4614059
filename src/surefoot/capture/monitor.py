"""A thread beside the training: heartbeat, flushing what waits, and the diagnosis while it runs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from surefoot.capture.own_imports import own_imports
from surefoot.capture.recorder import Recorder
from surefoot.records import Finding

_TICK = 0.25  # seconds
_STALE = 0.5  # seconds that a row waits at the most
_HEARTBEAT = 2.0  # seconds
_DIAGNOSIS = 2.0  # seconds between diagnoses at the least
_SHARE = 0.01  # of the time that diagnosing may take


class Monitor:
    """Runs until stopped; dies silently in a forked child.

    Args:
        recorder: What to flush.
        diagnose: Gives the findings so far; None: no live diagnosis.
        tell: Called with the findings after each diagnosis.
        draw: Called at each tick.
    """

    def __init__(
        self,
        recorder: Recorder,
        diagnose: Callable[[], tuple[Finding, ...]] | None = None,
        tell: Callable[[tuple[Finding, ...]], None] | None = None,
        draw: Callable[[], None] | None = None,
    ) -> None:
        self._recorder = recorder
        self._diagnose = diagnose
        self._tell = tell
        self._draw = draw
        self._stop = threading.Event()
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._run, name="surefoot", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._stop.set()
        if (
            os.getpid() == self._owner
            and self._thread.is_alive()
            and threading.current_thread() is not self._thread
        ):
            self._thread.join(timeout=5)

    def _run(self) -> None:
        beat = time.monotonic()
        next_diagnosis = beat + _DIAGNOSIS
        while not self._stop.wait(_TICK):
            now = time.monotonic()
            if now - beat >= _HEARTBEAT:
                beat = now
                self._recorder.flush_if_stale(0.0)
            else:
                self._recorder.flush_if_stale(_STALE)
            if self._diagnose is not None and now >= next_diagnosis:
                with own_imports():
                    self._safely(self._judge)
                cost = time.monotonic() - now
                next_diagnosis = now + max(_DIAGNOSIS, cost / _SHARE)
            if self._draw is not None:
                self._safely(self._draw)

    def _judge(self) -> None:
        assert self._diagnose is not None
        findings = self._diagnose()
        if self._tell is not None and not self._stop.is_set():
            self._tell(findings)

    def _safely(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # beside the training, never in its way
            self._recorder.notes.append(f"{type(error).__name__}: {error}")
            self._diagnose = None if call == self._judge else self._diagnose
