"""How long the training waits for the batches of its loaders."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

from surefoot.capture.events.probe import Probe
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.facts import DataWait, Fact

_LATEST = 200  # batches that a median is of


class _Waited:
    def __init__(self, loader: Any) -> None:
        self.workers = int(getattr(loader, "num_workers", 0) or 0)
        self.pinned = bool(getattr(loader, "pin_memory", False))
        self.batches = 0
        self.seconds = 0.0
        self.wait: deque[float] = deque(maxlen=_LATEST)
        self.work: deque[float] = deque(maxlen=_LATEST)


class DataWaitProbe(Probe):
    """Adds up what the loaders' iterators take."""

    name = "data wait"

    def __init__(self) -> None:
        self._seen: dict[Site | None, _Waited] = {}
        self._open: _Waited | None = None
        self._given = 0.0  # when the open loader gave its last batch; 0: it gave none

    def loader_iterated(self, loader: Any) -> None:
        """What is given from now on is this one's."""
        site = caller_site()
        if site not in self._seen:
            self._seen[site] = _Waited(loader)
        self._open, self._given = self._seen[site], 0.0

    def batch_given(self, seconds: float) -> None:
        """A batch was given, so long after it was asked for."""
        found, now = self._open, perf_counter()
        if found is not None and self._given:
            found.batches += 1
            found.seconds += seconds
            found.wait.append(seconds)
            found.work.append(now - seconds - self._given)
        self._given = now

    def facts(self) -> Iterator[Fact]:
        """One fact for each place that iterates a loader."""
        for site, found in self._seen.items():
            if found.batches:
                yield DataWait(
                    str(text_of(site)),
                    batches=found.batches,
                    waited=found.seconds,
                    wait=median(found.wait),
                    work=median(found.work),
                    workers=found.workers,
                    pinned=found.pinned,
                    place=text_of(site),
                )
