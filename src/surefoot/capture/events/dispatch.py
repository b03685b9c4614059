"""Who hears what: an event that is wanted goes to the probes that override it, and to nobody else.

Whoever tells asks first, once an event (`active`, `wants_step` …): whether anybody listens, whether this is the process
and the thread that is observed, and whether it is a training at all that runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.events.probe import EVENTS, Probe
from surefoot.capture.guard import Guard
from surefoot.capture.threads import ObservedThread
from surefoot.capture.traced import traced
from surefoot.facts import Fact


class Dispatch:
    """Tells probes of events, and keeps a probe that fails from the training and from the others.

    Args:
        guard: Notes the probes' faults, each under its probe's name.
        threads: Know which thread is observed.

    Attributes:
        tell: All probes as one: what is told it, those hear that override it.
        listening: Whether events are wanted, by the process that started.
    """

    def __init__(self, guard: Guard, threads: ObservedThread) -> None:
        self.tell = Probe()
        self._guard = guard
        self._threads = threads
        self._hearing: list[Probe] = []
        self._probes: list[Probe] = []
        self._owner = os.getpid()
        self.listening = False

    # -- who hears

    def add(self, *probes: Probe) -> None:
        """Let probes hear, after those that hear already."""
        self._probes += probes
        self._hearing += probes
        self._compile()

    def _compile(self) -> None:
        for event in EVENTS:
            setattr(self.tell, event, self._teller(event))

    def _teller(self, event: str) -> Callable[..., None]:
        nobody = getattr(Probe, event)
        hearers = tuple(
            (probe, getattr(probe, event))
            for probe in self._hearing
            if getattr(type(probe), event) is not nobody
        )

        def tell(*what: Any) -> None:
            for probe, hear in hearers:
                try:
                    hear(*what)
                except Exception as error:
                    self._failed(probe, error)

        return tell

    def _failed(self, probe: Probe, error: Exception) -> None:
        if self._guard.caught(probe.name, error) and probe in self._hearing:
            self._hearing.remove(probe)
            self._compile()

    def facts(self) -> Iterator[Fact]:
        """What all of them can tell so far."""
        for probe in self._probes:
            try:
                yield from [*probe.facts()]
            except Exception as error:
                self._failed(probe, error)

    # -- what is wanted

    def start(self) -> None:
        """Events are wanted from now on, in this process."""
        self._owner = os.getpid()
        self.listening = True

    def stop(self) -> None:
        """No event is wanted any more; hooks that still stand pass straight through."""
        self.listening = False

    def let_go(self) -> None:
        """Recording has stopped: nobody hears any more, and what they kept is free."""
        self._probes, self._hearing = [], []
        self._compile()

    @property
    def active(self) -> bool:
        """Whether an event of this thread is wanted."""
        return self._threads.here() and self.listening and os.getpid() == self._owner

    def wants_backward(self, root: Any) -> bool:
        """The same for a backward, which is counted where it is another thread's; one inside another is not wanted."""
        if not self.listening or not isinstance(root, Tensor) or os.getpid() != self._owner or traced():
            return False
        return self._threads.backward(root) and not self._threads.in_backward

    def wants_descent(self, of_any_thread: bool) -> bool:
        """The same for gradients that `torch.func` has given.

        Args:
            of_any_thread: Nobody is to be asked whose they are.
        """
        if not self.listening or os.getpid() != self._owner or traced():
            return False
        return of_any_thread or self._threads.backward(None)

    def wants_step(self, optimizer: Optimizer) -> bool:
        """The same for an optimizer's step."""
        if not self.listening or os.getpid() != self._owner or traced():
            return False
        return self._threads.step(optimizer)
