"""What `torch.compile` compiled, and how often, as it tells itself."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Counts
from surefoot.capture.place import describe
from surefoot.facts import Compilation, Fact

_MOST_REASON = 200  # characters


class CompilationsProbe(Probe):
    """Reads the compiler's own notes when facts are asked for; they are kept for the last 64 compilations.

    Args:
        counts: How far the training is.
    """

    name = "compilations"

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._began = time.time()
        self._known: dict[str, Any] = {}
        self._at: dict[str, int] = {}

    def facts(self) -> Iterator[Fact]:
        """One fact for each function that was compiled more than once."""
        for name, each in _compiled(self._began):
            if name not in self._known:
                self._known[name], self._at[name] = each, self._counts.steps
        functions: dict[tuple[str, str, int], list[str]] = {}
        for name, each in self._known.items():
            key = (each.co_name, each.co_filename, each.co_firstlineno)
            functions.setdefault(key, []).append(name)
        for (function, file, line), names in functions.items():
            frame, count = Counter(name.partition("/")[0] for name in names).most_common(1)[0]
            last = [name for name in names if name.partition("/")[0] == frame][-1]
            if count > 1:
                yield Compilation(
                    f"{function} {file}:{line}",
                    function=function,
                    compiled=count,
                    limit=_limit(),
                    last_step=self._at[last],
                    reason=_reason(self._known[last]),
                    place=describe(file, line),
                )


def _compiled(since: float) -> Iterator[tuple[str, Any]]:
    """Compilations of functions by name ("0/1": of the first one the second); of backwards there is no function."""
    notes = getattr(sys.modules.get("torch._dynamo.utils"), "get_compilation_metrics", None)
    for each in notes() if notes is not None else ():
        if each.co_name and each.compile_id and (each.start_time or 0) >= since:
            yield str(each.compile_id), each


def _limit() -> int:
    config = sys.modules.get("torch._dynamo.config")
    return int(getattr(config, "recompile_limit", 0) or getattr(config, "cache_size_limit", 8) or 0)


def _reason(compilation: Any) -> str:
    """The guard, without the compiler's own number of it and its comment."""
    lines = str(getattr(compilation, "recompile_reason", None) or "").strip().splitlines()
    guard = lines[0].partition("#")[0].strip() if lines else ""
    return guard.partition(": ")[2][:_MOST_REASON] or guard[:_MOST_REASON]
