"""Is the process that writes a run still there?"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from surefoot.interrupts import pass_on


def this_process() -> dict[str, Any]:
    """What tells this process from any other: id, start and machine; JSON values."""
    return {"id": os.getpid(), "start": _start(os.getpid()), "machine": _machine()}


def is_gone(process: Mapping[str, Any]) -> bool | None:
    """Whether a process described by `this_process` has ended; None where that cannot be told from here."""
    if process.get("machine") != _machine() or sys.platform == "win32":
        return None  # another machine or container; and on Windows, asking would end it
    number = int(process.get("id") or 0)
    if number <= 0:
        return None
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError as error:
        pass_on(error)  # else it exists and belongs to someone else
    start = _start(number)
    if start is None or process.get("start") is None:
        return None  # the number may have been given to another process since
    return start != process["start"] or _is_zombie(number)


def _machine() -> str:
    """Name, boot and process namespace: within one of them, process ids mean the same."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        space = os.readlink("/proc/self/ns/pid")
    except OSError as error:
        pass_on(error)
        boot = space = ""
    return f"{socket.gethostname()} {boot} {space}".strip()


def _stat(number: int) -> list[str]:
    """Fields of /proc/<number>/stat after the command's name (it may hold spaces); [] if none."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        pass_on(error)
        return []
    return text.rpartition(")")[2].split()


def _start(number: int) -> str | None:
    fields = _stat(number)
    return fields[19] if len(fields) > 19 else None


def _is_zombie(number: int) -> bool:
    return _stat(number)[:1] == ["Z"]


def children_seconds() -> float:
    """Seconds of processor time of the processes that this one started and that have ended; 0.0 where not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
