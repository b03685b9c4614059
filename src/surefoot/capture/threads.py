"""The one thread that is observed; in every other thread a training runs as if nothing were observed.

PyTorch's `.grad` may not be read while another thread's backward writes it: that backward runs without Python's
lock, and the reader takes hold of a tensor that is just being freed, which ends the process. So a thread may read what
its own backward wrote and nothing else, and one observation follows one thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from torch import Tensor
from torch.optim import Optimizer

from surefoot.facts import Fact, Threads

# Looking for the training that is watched may cost what looking at it does, and a fifth of a second at the start.
_ASKED_AT_ONCE = 0.2
_ASKED = 0.01
_PATIENCE = (
    1.0  # seconds that a thread waits for the observed one to leave its event, which takes far less than one
)


class _Here(threading.local):
    """What is known of the thread that asks: observed, another one that trains, or neither so far."""

    observed: bool | None = None


class ObservedThread:
    """Which thread the events of a training are taken from: the one whose backward comes first.

    Args:
        concerns: Whether a loss or an optimizer belongs to the training that is to be observed; None: any does.
        continues: Whether it goes on with what the observed thread trained; asked when that thread has ended.
        on_taken: Called in the thread that is taken; True: others had events before it.
        on_other: Called with a loss, in each other thread at its first backward.
    """

    def __init__(
        self,
        concerns: Callable[[Tensor | Optimizer], bool] | None,
        continues: Callable[[Tensor | Optimizer], bool],
        on_taken: Callable[[bool], None],
        on_other: Callable[[Tensor], None],
    ) -> None:
        self.others = 0  # threads that trained unobserved
        self.other_optimizers: set[int] = set()
        self.in_backward = False  # of the observed thread
        self.over = False  # no more events come: any thread may settle what is left
        self.event = threading.RLock()  # held by the observed thread while it may read a gradient
        self._concerns = concerns
        self._continues = continues
        self._on_taken = on_taken
        self._on_other = on_other
        self._here = _Here()
        self._maker = threading.get_ident()
        self._taken = False
        self._taking = threading.RLock()
        self._thread: threading.Thread | None = None  # None for a thread that Python did not start
        self._began = time.perf_counter()
        self._asked = 0.0  # seconds spent on asking what a loss concerns
        self._other_threads: list[threading.Thread] = []
        self._early: set[int] = set()  # threads that had events before one was taken

    @property
    def settles(self) -> bool:
        """Whether the thread that asks may change what capture keeps."""
        if self._taken:
            return self._here.observed is True or self.over
        return self.made_here or self.over

    @property
    def made_here(self) -> bool:
        """Whether the thread that asks began the observation."""
        return threading.get_ident() == self._maker

    def here(self) -> bool:
        """Whether an event in this thread is one of the observed training's."""
        observed = self._here.observed
        return observed if observed is not None else self._unknown_here()

    def _unknown_here(self) -> bool:
        if not self._taken:
            self._early.add(threading.get_ident())
            return True
        return self._works_for_it()

    def _works_for_it(self) -> bool:
        """Whether this is a thread of autograd's own (there are some for each device) at work for the observed one.

        Those threads serve every backward of the process: where several threads train it cannot be told for whom.
        """
        return self.in_backward and not self.others and _this_thread() is None

    def backward(self, root: Tensor | None) -> bool:
        """Whether a backward that begins at `root` in this thread is the observed training's; None: not known where."""
        observed = self._here.observed
        if observed is not None:
            return observed
        with self._taking:
            if not self._taken:
                return self._asks() and self._take(root)
            if root is not None and self._goes_on(root):
                return True
        if self.in_backward and _this_thread() is None:
            return False  # inside a backward, which is one event
        self._count(root)
        return False

    def _asks(self) -> bool:
        """Whether a loss is looked into, which takes a walk through its graph; where it is not, the step will tell."""
        return self._asked < _ASKED_AT_ONCE + _ASKED * (time.perf_counter() - self._began)

    def step(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer's step in this thread is the observed training's."""
        observed = self._here.observed
        if observed:
            return True
        with self._taking:
            if not self._taken:
                return self._take(optimizer)
            if self._goes_on(optimizer):
                return True
        if observed is None and self._works_for_it():
            return True
        if observed is None:
            self._count(None)
        self.other_optimizers.add(id(optimizer))
        return False

    def take(self) -> None:
        """Observe the thread that calls this."""
        with self._taking:
            self._here.observed = True
            self._thread = _this_thread()
            first, self._taken = not self._taken, True
        if first:
            self._on_taken(bool(self._early - {threading.get_ident()}))

    def _take(self, what: Tensor | Optimizer | None) -> bool:
        if self._concerns is not None and what is not None:
            began = time.thread_time()
            concerned = self._concerns(what)
            self._asked += time.thread_time() - began
            if not concerned:
                return False
        self.take()
        return True

    def _goes_on(self, what: Tensor | Optimizer) -> bool:
        """Whether this thread takes up what the observed one, which has ended, trained."""
        if self._thread is None or self._thread.is_alive() or not self._continues(what):
            return False
        self.take()
        return True

    @property
    def others_alive(self) -> bool:
        """Whether a thread that trained unobserved has not ended."""
        return any(thread.is_alive() for thread in self._other_threads)

    def _count(self, root: Tensor | None) -> None:
        """Another thread trains: from here on the observed one knows of it, and what it began before, it ends."""
        with self._taking:
            self._here.observed = False
            self.others += 1
            thread = _this_thread()
            if thread is not None:
                self._other_threads = [*(each for each in self._other_threads if each.is_alive()), thread]
        waited = self.event.acquire(timeout=_PATIENCE)
        try:
            if root is not None:
                self._on_other(root)
        finally:
            if waited:
                self.event.release()

    def end(self) -> None:
        """No more events are taken; waits for the one under way."""
        self.over = True
        if self.event.acquire(timeout=_PATIENCE):
            self.event.release()

    def facts(self) -> Iterator[Fact]:
        """How many other threads trained."""
        if self.others:
            yield Threads("run", unobserved=self.others)


def _this_thread() -> threading.Thread | None:
    """The thread that asks; None where Python did not start it, which `current_thread` would enter in its table."""
    found: threading.Thread | None = threading._active.get(threading.get_ident())  # type: ignore[attr-defined]
    return found
