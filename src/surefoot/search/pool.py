"""Members at work on this machine: so many at once, each a fork of one process that has imported torch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any

from surefoot.errors import ScriptError
from surefoot.search.member import Work
from surefoot.search.server import START

_SERVER = f"{START}from surefoot.search.server import serve; serve(loaded)"


def cores() -> int:
    """Processors that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


class Pool:
    """Starts members and says when each has ended; a context manager that ends those still at work.

    Args:
        threads: Of each member.
    """

    def __init__(self, threads: int) -> None:
        # A pool of threads would not survive the fork, so the process that forks has none.
        one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self._environment = dict.fromkeys(one, str(threads))
        self._working: set[str] = set()
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **one},
            start_new_session=True,  # Ctrl-C is ours alone
        )

    def __len__(self) -> int:
        return len(self._working)

    def start(self, work: Work, environment: Mapping[str, str] | None = None) -> None:
        """Begin a member."""
        self._working.add(work.name)
        self._send(start=asdict(work), environment={**self._environment, **(environment or {})})

    def stop(self, name: str) -> None:
        """End a member."""
        self._send(stop=name)

    def answer(self, name: str, go: bool) -> None:
        """Tell a member that has reported whether it goes on."""
        self._send(answer=name, go=go)

    def event(self) -> dict[str, Any]:
        """Wait until a member has ended, {"ended": name, "code": …}, or reports, {"report": name, …}."""
        assert self._server.stdout is not None
        while True:
            line = self._server.stdout.readline()
            if not line:
                raise ScriptError(
                    "the process that starts the members has died; start the sweep again, it goes on."
                )
            said: dict[str, Any] = json.loads(line)
            if "ended" in said:
                self._working.discard(said["ended"])
            if "ended" in said or "report" in said:
                return said

    def _send(self, **request: Any) -> None:
        assert self._server.stdin is not None
        try:
            self._server.stdin.write(json.dumps(request) + "\n")
            self._server.stdin.flush()
        except OSError:
            raise ScriptError(
                "the process that starts the members has died; start the sweep again, it goes on."
            ) from None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        try:
            self._server.stdin.close()
        except OSError:
            pass
        self._server.wait()
        self._server.stdout.close()
