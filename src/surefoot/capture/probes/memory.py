"""How much memory the process holds, at each flush that collects facts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Counts
from surefoot.facts import Fact, Memory

_RESIDENT = "/proc/self/statm"  # Linux; elsewhere only devices are asked


@dataclass
class _Seen:
    steps: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)


class MemoryProbe(Probe):
    """Asks the process, and each CUDA device that it uses; a few microseconds, and no synchronisation.

    Args:
        counts: How far the training is.
    """

    name = "memory"

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._seen: dict[str, _Seen] = {}

    def facts(self) -> Iterator[Fact]:
        """One fact for each place where memory is held."""
        for where, held in _held():
            seen = self._seen.setdefault(where, _Seen())
            if not seen.steps or self._counts.steps > seen.steps[-1]:
                seen.steps.append(self._counts.steps)
                seen.held.append(held)
        for where, seen in self._seen.items():
            middle = len(seen.held) // 2
            yield Memory(
                where,
                samples=len(seen.held),
                first_step=seen.steps[0],
                first=seen.held[0],
                middle_step=seen.steps[middle],
                middle=seen.held[middle],
                last_step=seen.steps[-1],
                last=seen.held[-1],
                most=max(seen.held),
            )


def _held() -> Iterator[tuple[str, int]]:
    """Bytes by place."""
    if os.path.exists(_RESIDENT):
        with open(_RESIDENT, "rb") as statm:  # bytes: at the interpreter's end no codec can be found any more
            yield "process", int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            yield f"cuda:{device}", torch.cuda.memory_allocated(device)
