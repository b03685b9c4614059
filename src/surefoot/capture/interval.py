"""What lies between two steps of a loop: its losses, and whether its gradients were cleared.

One parameter stands for all, as users clear their gradients together: a gradient that is another tensor than the one
that was last written, or has changed since, was cleared.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable

from torch import Tensor

_NO_GRADIENT = (0, -1)


def nobody() -> None:
    """As a weak reference whose tensor is gone."""


class Interval:
    """The interval of one loop that is open just now.

    Attributes:
        losses: Of the backwards whose gradients the next step will use.
        watched: The parameter that stands for all, while it lives.
        cleared: Its gradient was cleared since the last step.
        written: A backward has come since then.
        clipped: The gradient was changed in place since that backward, by a clipping of the script's.
        gradient_id: The gradient that was last written, by its id.
        version: And how often it had changed.
        unused: Backwards, of all intervals, whose gradients no step followed.
    """

    __slots__ = (
        "_backwards_seen", "_before", "cleared", "clipped", "gradient_id", "losses", "unused", "version", "watched",
        "written",
    )  # fmt: skip

    def __init__(self) -> None:
        self.losses: list[float | Tensor | None] = []
        self.watched: Callable[[], Tensor | None] = nobody
        self.cleared = False
        self.written = False
        self.clipped = False
        self.gradient_id = 0
        self.version = -1
        self.unused = 0
        self._before = _NO_GRADIENT  # of the watched parameter, when the last backward began
        self._backwards_seen = 0

    def holds(self, ids: set[int]) -> None:
        """The loop holds these parameters from now on."""
        if id(self.watched()) not in ids:
            self.watched = nobody

    def begins(self) -> bool:
        """A backward begins: note whether the gradients were cleared; True if they are as they were last written."""
        watched = self.watched()
        self._before = _state(watched)
        if watched is None:
            return False
        if self.unchanged():
            return not self.written
        self.cleared = True
        self.unused += len(self.losses)
        self.losses = []
        return False

    def unchanged(self) -> bool:
        """Whether the gradient is the one that was last written, as it was then."""
        watched = self.watched()
        gradient = watched.grad if watched is not None else None
        return gradient is not None and id(gradient) == self.gradient_id and gradient._version == self.version

    def ends(self, loss: float | Tensor | None, living: Callable[[], Iterable[Tensor]]) -> None:
        """A backward has written the gradients.

        Args:
            loss: What it started from; None where it cannot be read.
            living: Gives the loop's parameters.
        """
        self.written = True
        self.clipped = False
        self.losses.append(loss)
        self.remember(living)

    def ordinary(self, loss: float | Tensor) -> bool:
        """A backward has written the gradient of a watched parameter that had none before: both of the above in one.

        Returns:
            Whether it has; if not, nothing is noted.
        """
        watched = self.watched()
        gradient = watched.grad if watched is not None else None
        if gradient is None:
            return False
        self.cleared = self.written = True
        self.clipped = False
        self.unused += len(self.losses)
        self.losses = [loss]
        self.gradient_id = id(gradient)
        self.version = gradient._version
        return True

    def touched(self, living: Callable[[], Iterable[Tensor]]) -> bool:
        """Whether the backward that just ended wrote the gradients, as far as one of them shows it."""
        watched = self.watched()
        if watched is None:  # none of them had a gradient so far
            watched = next((p for p in living() if p.requires_grad), None)
        return _state(watched) not in (self._before, _NO_GRADIENT)

    def clipped_in_place(self, living: Callable[[], Iterable[Tensor]]) -> None:
        """The gradients were scaled down: what the next step follows is still the same losses."""
        watched = self.watched()
        if self.written and watched is not None and watched.grad is not None:
            self.clipped |= watched.grad._version != self.version
            self.remember(living)

    def remember(self, living: Callable[[], Iterable[Tensor]]) -> None:
        """What comes from now on is a change."""
        watched = self.watched()
        gradient = watched.grad if watched is not None else None
        if gradient is None:
            for watched in living():
                gradient = watched.grad
                if gradient is not None:
                    self.watched = weakref.ref(watched)
                    break
            else:
                self.watched = nobody
                return
        self.gradient_id = id(gradient)
        self.version = gradient._version

    def fresh(self, backwards: int) -> bool:
        """Whether there was a backward at all since this was last asked.

        Args:
            backwards: Those of the whole run.
        """
        fresh, self._backwards_seen = backwards > self._backwards_seen, backwards
        return fresh

    def take_cleared(self) -> bool:
        """Whether it was cleared; from now on the next interval counts."""
        cleared, self.cleared = self.cleared, False
        return cleared

    def touched_before_step(self) -> bool:
        """Changed since backward: clipped, unscaled, or zeroed in place; the norm will tell."""
        watched = self.watched()
        gradient = watched.grad if watched is not None else None
        return gradient is not None and (self.clipped or gradient._version != self.version)

    def close(self) -> list[float | Tensor | None]:
        """The step was taken; returns what its backwards started from since the gradients were cleared."""
        losses, self.losses = self.losses, []
        self.written = False
        return losses

    def close_ordinary(self, backwards: int) -> list[float | Tensor | None]:
        """All that a step of an ordinary interval does: it was cleared, written and is judged.

        Args:
            backwards: Those of the whole run.
        """
        losses, self.losses = self.losses, []
        self.cleared = self.written = False
        self._backwards_seen = backwards
        watched = self.watched()
        gradient = watched.grad if watched is not None else None
        if gradient is not None:
            self.gradient_id = id(gradient)
            self.version = gradient._version
        return losses


def _state(parameter: Tensor | None) -> tuple[int, int]:
    """What tells two gradients of a parameter apart, before and after they were added to."""
    gradient = parameter.grad if parameter is not None else None
    return _NO_GRADIENT if gradient is None else (id(gradient), gradient._version)
