"""Steps of learning-rate schedulers against those of their optimizers."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.optim.lr_scheduler import ReduceLROnPlateau

from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Counts
from surefoot.capture.host import host_number
from surefoot.capture.loop import plain_settings
from surefoot.capture.loops import Loops
from surefoot.capture.place import caller_site, text_of
from surefoot.facts import Fact, Scheduler

_MOST_WATCHED = 100


class _Schedule:
    def __init__(self, scheduler: Any) -> None:
        self.name = type(scheduler).__name__
        self.place = text_of(caller_site())
        self.settings = plain_settings({k: v for k, v in vars(scheduler).items() if not k.startswith("_")})
        self.steps = 0
        self.ahead = 0
        self.before_first = False
        self.watched: list[float] = []

    def watch(self, given: Any) -> None:
        """Take the number that it is to watch, where it can be read without waiting for a device."""
        number = host_number(given.detach()) if isinstance(given, Tensor) else given
        if isinstance(number, (int, float)) and not isinstance(number, bool):
            self.watched.append(float(number))
            if len(self.watched) > 2 * _MOST_WATCHED:
                del self.watched[1:-1:2]


class LrSchedulersProbe(Probe):
    """Counts their steps.

    Args:
        loops: Know whose optimizer is which.
        counts: How far the training is.
    """

    name = "schedulers"

    def __init__(self, loops: Loops, counts: Counts) -> None:
        self._loops = loops
        self._counts = counts
        self._seen: dict[int, tuple[Any, _Schedule]] = {}

    def scheduler_stepped(self, scheduler: Any, given: Any) -> None:
        """Compare with the steps of its optimizer."""
        known = self._seen.get(id(scheduler))
        if known is None or known[0]() is not scheduler:
            known = self._seen[id(scheduler)] = (weakref.ref(scheduler), _Schedule(scheduler))
        schedule = known[1]
        schedule.steps += 1
        if isinstance(scheduler, ReduceLROnPlateau):
            schedule.watch(given)
        optimizer = getattr(scheduler, "optimizer", None)
        known_of = self._loops.known
        loop = known_of(optimizer) or known_of(getattr(optimizer, "optimizer", None))
        if loop is None:
            schedule.before_first |= self._counts.steps == 0
        elif loop.steps == 0:
            schedule.before_first = True
            schedule.ahead += loop.backward_seen()
        elif loop.backward_seen():
            schedule.ahead += 1  # its gradients are there, its step is not taken yet

    def facts(self) -> Iterator[Fact]:
        """One fact for each scheduler."""
        steps = self._counts.steps
        for number, (_, schedule) in enumerate(self._seen.values()):
            yield Scheduler(
                f"scheduler {number}",
                class_name=schedule.name,
                place=schedule.place,
                steps=schedule.steps,
                before_first_step=schedule.before_first,
                ahead=schedule.ahead,
                per_step=schedule.steps / steps if steps else None,
                settings=schedule.settings,
                watched=tuple(schedule.watched[:: 1 + len(schedule.watched) // _MOST_WATCHED]),
            )
