"""How much memory the process holds, at the steps whose graph is inspected."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Backward, Counts
from surefoot.facts import Fact, Memory
from surefoot.interrupts import pass_on

_STATM = "/proc/self/statm"  # Linux; elsewhere only devices are asked
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_MOST = 64  # samples; every second one is dropped when there are more


@dataclass
class _Seen:
    limit: int | None
    steps: list[int] = field(default_factory=list)
    held: list[int] = field(default_factory=list)

    def take(self, step: int, held: int) -> None:
        if self.steps and step <= self.steps[-1]:
            return
        self.steps.append(step)
        self.held.append(held)
        if len(self.steps) > _MOST:
            del self.steps[1::2], self.held[1::2]


class MemoryProbe(Probe):
    """Asks the process, and each CUDA device that it uses; a few microseconds, and no synchronisation.

    At one point of a step, the beginning of a backward, so that samples compare; at steps that no clock chooses, where
    the training is checked.

    Args:
        counts: How far the training is.
    """

    name = "memory"

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._seen: dict[str, _Seen] = {}

    def graph_inspected(self, backward: Backward) -> None:
        """Ask."""
        for where, held in _held():
            if where not in self._seen:
                self._seen[where] = _Seen(_limit(where))
            self._seen[where].take(self._counts.steps, held)

    def facts(self) -> Iterator[Fact]:
        """One fact for each place where memory is held."""
        for where, seen in self._seen.items():
            yield Memory(where, at_steps=tuple(seen.steps), held=tuple(seen.held), limit=seen.limit)


def _held() -> Iterator[tuple[str, int]]:
    """Bytes by place; of the process without pages of files, which the system can take back."""
    if os.path.exists(_STATM):
        with open(_STATM, "rb") as statm:  # bytes: at the interpreter's end no codec can be found any more
            _, resident, of_files, *_ = statm.read().split()
        yield "process", (int(resident) - int(of_files)) * os.sysconf("SC_PAGE_SIZE")
    if torch.cuda.is_initialized():
        for device in range(torch.cuda.device_count()):
            yield f"cuda:{device}", torch.cuda.memory_allocated(device)


def _limit(where: str) -> int | None:
    """Bytes that a place has."""
    if where == "process":
        return _host_limit()
    return int(torch.cuda.get_device_properties(where).total_memory)


@functools.cache
def _host_limit() -> int:
    """The machine's, or a container's where that is less."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in _LIMITS:
        try:
            with open(path, "rb") as file:
                limits.append(int(file.read()))
        except (OSError, ValueError) as error:  # there is none, or it is "max"
            pass_on(error)
    return min(limits)
