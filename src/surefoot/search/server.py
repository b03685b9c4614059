"""A process that has imported torch and forks itself for each member: a second each, not ten.

It reads one request a line, {"start": work}, {"stop": name} or {"answer": name, "go": bool}. It writes {"ended": name,
"code": code} when a member has ended, and {"report": name, …} when one says how far it has come. When its input ends,
it ends its members and itself. Run by `pool.py`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from typing import Any, Protocol

# What scripts and surefoot import, and what torch imports at the first step of an optimizer.
PRELOADED = (
    *("torch", "torch._dynamo", "torch.utils.data", "numpy", "surefoot.capture.observation"),
    *(
        "surefoot.search.driver",
        "surefoot.search.member",
        "surefoot.search.seeding",
        "surefoot.remedies.catalogue",
    ),
)
FORKS = sys.platform.startswith("linux")  # elsewhere libraries of the system don't survive it
# What a process of ours begins with: the folder that it is started in holds nothing of ours.
START = "import sys; sys.path.pop(0); loaded = frozenset(sys.modules); "
_TICK = 0.05  # seconds
_GRACE = 5.0  # seconds that a member has to end


class _Process(Protocol):
    pid: int
    reads: int | None

    def poll(self) -> int | None: ...

    def answer(self, go: bool) -> None: ...

    def close(self) -> None: ...


class _Started:
    """One of a system without fork; it doesn't report."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid
        self.reads: int | None = None

    def poll(self) -> int | None:
        return self._process.poll()

    def answer(self, go: bool) -> None: ...

    def close(self) -> None: ...


class _Forked:
    def __init__(self, pid: int, read: int, write: int) -> None:
        self.pid = pid
        self.reads: int | None = read
        self._write = write
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code

    def answer(self, go: bool) -> None:
        try:
            os.write(self._write, b"go\n" if go else b"stop\n")
        except OSError:
            pass

    def close(self) -> None:
        if self.reads is not None:
            os.close(self.reads)
        os.close(self._write)


def serve(loaded: Collection[str]) -> None:
    """Serve until the input ends.

    Args:
        loaded: Modules that Python itself has loaded: a script finds these under Python, too.
    """
    if FORKS:
        for name in PRELOADED:
            __import__(name)
    members: dict[str, _Process] = {}
    _answer(ready=True)
    try:
        for request in _requests(members):
            if "start" in request:
                work, environment = request["start"], request.get("environment", {})
                members[work["name"]] = _started(work, environment, loaded)
            elif "stop" in request and request["stop"] in members:
                _signal(members[request["stop"]], signal.SIGTERM)
            elif "answer" in request and request["answer"] in members:
                members[request["answer"]].answer(request["go"])
            for name, process in list(members.items()):
                code = process.poll()
                if code is not None:
                    members.pop(name).close()
                    _answer(ended=name, code=code)
    finally:
        _end(list(members.values()))


def _requests(members: dict[str, _Process]) -> Iterator[dict[str, Any]]:
    """Each request, an empty one at every tick; what members report is passed on meanwhile."""
    waiting = b""
    while True:
        reports = {process.reads: name for name, process in members.items() if process.reads is not None}
        ready, _, _ = select.select([0, *reports], [], [], _TICK)
        for number in ready:
            read = os.read(number, 1 << 16)
            if number:
                for line in read.splitlines():
                    _answer(report=reports[number], **json.loads(line))
                continue
            if not read:
                return
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                yield json.loads(line)
        yield {}


def _answer(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def _started(given: dict[str, Any], environment: dict[str, str], loaded: Collection[str]) -> _Process:
    if not FORKS:
        code = f"{START}from surefoot.search.server import become; become(sys.argv[1], loaded)"
        changed = {**os.environ, **environment}
        return _Started(
            subprocess.Popen([sys.executable, "-c", code, json.dumps(given)], env=changed, stdout=2)
        )
    from_member, to_us = os.pipe()
    from_us, to_member = os.pipe()
    child = os.fork()
    if child:
        os.close(to_us)
        os.close(from_us)
        return _Forked(child, from_member, to_member)
    os.close(from_member)
    os.close(to_member)
    given["pipes"] = (to_us, from_us)
    os.setpgid(0, 0)
    os.environ.update(environment)
    become(json.dumps(given), loaded)
    os._exit(0)


def become(text: str, loaded: Collection[str]) -> None:
    """Be a member, and end with it."""
    from surefoot.search.member import Work, work

    sys.path.insert(0, "")  # the script's folder takes this place
    given = json.loads(text)
    try:
        work(Work(**{**given, "arguments": tuple(given["arguments"])}), loaded)
        _finish()
    finally:
        os._exit(0)


def _finish() -> None:
    """What Python does at its end, for a process that is not to go on as a server."""
    import atexit

    with contextlib.suppress(Exception):
        atexit._run_exitfuncs()


def _signal(process: _Process, number: int) -> None:
    try:
        if FORKS:
            os.killpg(process.pid, number)
        else:
            os.kill(process.pid, number)
    except OSError:
        pass


def _end(members: list[_Process]) -> None:
    for member in members:
        _signal(member, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    while members and time.monotonic() < until:
        members = [member for member in members if member.poll() is None]
        time.sleep(_TICK)
    for member in members:
        _signal(member, getattr(signal, "SIGKILL", signal.SIGTERM))
