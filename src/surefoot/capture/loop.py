"""One loop of descent: an optimizer with its parameters, and the order in which it is used."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.interval import Interval
from surefoot.capture.place import Site, text_of
from surefoot.capture.unseen import unseen
from surefoot.records import MANUAL, OptimizerInfo


class Loop:
    """State of one optimizer, or of descent written by hand.

    Args:
        index: Its number in the run.
        optimizer: None for descent by hand.
    """

    def __init__(self, index: int, optimizer: Optimizer | None) -> None:
        self.index = index
        self.optimizer: Callable[[], Optimizer | None] = lambda: None
        self._left: list[weakref.ref[Tensor]] = []  # parameters, once the optimizer is gone
        self.remember: Callable[[], object] = lambda: None  # describes the parameters while they are there
        if optimizer is not None:
            self.optimizer = weakref.ref(optimizer, self._gone)
        self.manual = optimizer is None
        self.name = type(optimizer).__name__ if optimizer is not None else MANUAL
        self.subject = f"optimizer {index}"
        self.parameters: list[Tensor] = []
        self.columns: list[int] = []
        self.group_sizes: tuple[int, ...] = ()
        self.settings: dict[str, Any] = {}
        self.created: str | None = None
        self.interval = Interval()
        self.steps = 0
        self.backwards = 0
        self.step_site: Site | None = None
        self.backward_site: Site | None = None
        self.closure = False
        self.created_at_step = 0
        self.recreated = 0
        self.parameter_ids: set[int] = set()
        self.unmeasured: dict[str, tuple[str, ...]] = {}  # reason -> what it keeps from being measured
        self.touched_before_step = False
        self.shared = (
            False  # another thread's backward writes these gradients too: they may not be read beside it
        )
        self._backward_sites: set[Site | None] = set()

    def take(self, parameters: list[Tensor]) -> None:
        """Hold other parameters from now on: what the old ones still carry says nothing any more."""
        self.parameters = parameters
        self.parameter_ids = {id(p) for p in parameters}
        self.interval.holds(self.parameter_ids)

    def number(self, index: int) -> None:
        """Give the loop its number, at its first step."""
        self.index = index
        self.subject = f"optimizer {index}"

    def renew(self, optimizer: Optimizer, made: Loop) -> None:
        """Go on with an optimizer that was made anew over the same parameters."""
        self.optimizer = weakref.ref(optimizer, self._gone)
        self.take(made.parameters)
        self.settings = made.settings
        self.group_sizes = made.group_sizes
        self.recreated += 1

    def living(self) -> list[Tensor]:
        """The parameters that the script still holds."""
        return self.parameters or [p for ref in self._left if (p := ref()) is not None]

    def counts(self) -> tuple[int, int]:
        """How many parameters there are, and how many of them are trained: all, where nobody can be asked any more."""
        living = self.living()
        if not living:
            return len(self._left), len(self._left)
        return len(living), sum(p.requires_grad for p in living)

    def let_go(self) -> None:
        """Forget the ids of parameters that are gone: others may get the same."""
        if self._left:
            self.parameter_ids = {id(p) for p in self.living()}

    def _gone(self, optimizer: weakref.ref[Optimizer], ref: Callable[[Tensor], Any] = weakref.ref) -> None:
        # With its optimizer gone, a parameter and its gradient live as long as the script wants, no longer. At the
        # interpreter's end modules are gone too, therefore the default.
        if self.optimizer is optimizer:
            try:
                unseen(self.remember)
            except Exception:  # at the interpreter's end nothing works any more, and nobody asks
                pass
            self._left = [ref(p) for p in self.parameters]
            self.parameters = []

    def before_backward(self) -> bool:
        """Note whether the gradients were cleared since they were written; True if they will be added to."""
        return self.interval.begins() and self.steps > 0

    def after_backward(self, loss: float | Tensor | None, site: Site | None, reached: bool) -> None:
        """Note a backward that reaches, or may reach, this loop's parameters.

        Args:
            loss: What it started from; None where it cannot be read.
            site: Where it was called.
            reached: Whether it is known to reach them; a backward that reaches nobody's is everybody's loss.
        """
        self.backwards += reached
        if site is not self.backward_site:
            self.backward_site = site
            self._backward_sites.add(site)
        self.interval.ends(loss, self.living)

    def touched(self) -> bool:
        """Whether the backward that just ended wrote this loop's gradients, as far as one of them shows it."""
        return self.interval.touched(self.living)

    def clipped(self) -> None:
        """The gradients were scaled down in place: what the next step follows is still the same losses."""
        self.interval.clipped_in_place(self.living)

    def before_step(self, backwards: int) -> tuple[bool | None, bool, bool]:
        """Judge the interval since the last step.

        Args:
            backwards: Those of the whole run.

        Returns:
            Whether gradients were cleared in it, None where that can't be told; whether they were cleared after their
            backward; whether there was no backward at all.
        """
        interval = self.interval
        fresh, cleared = interval.fresh(backwards), interval.take_cleared()
        if not interval.written:
            return None, False, not self.closure and not fresh
        watched = interval.watched()
        self.touched_before_step = interval.touched_before_step()
        known = self.steps > 0 and watched is not None
        return cleared if known else None, watched is not None and watched.grad is None, False

    def ordinary_step(self, backwards: int, touched: bool) -> bool:
        """The same of an ordinary interval: its gradients were cleared, written and perhaps touched before the step."""
        self.touched_before_step = touched
        self.interval.fresh(backwards)
        return self.interval.take_cleared()

    def step_by_hand(self, replaced: bool) -> tuple[list[float | Tensor | None], bool | None]:
        """A step of descent by hand, seen at the next backward.

        Args:
            replaced: New leaves, which have no gradients, are in the place of the old ones.

        Returns:
            The losses of its micro-steps; whether gradients were cleared after it, None where that can't be told.
        """
        cleared = None
        known = self.interval.watched() is not None
        now = self.interval.take_cleared()
        if known:
            cleared = replaced or not self.interval.unchanged() or now
        self.steps += 1
        return self.interval.close(), cleared

    def after_step(self) -> list[float | Tensor | None]:
        """Close the step; returns what its backwards started from since the gradients were cleared."""
        self.steps += 1
        # Clipping and some optimizers change gradients in place: only what comes after the step counts as clearing.
        if self.interval.watched() is not None:
            self.interval.remember(self.living)
        return self.interval.close()

    def backward_seen(self) -> bool:
        """Whether a backward has come since the last step."""
        return self.interval.written

    def micro_batches(self) -> int:
        """How many batches the gradients of the coming step are from; several lines' losses are of one batch."""
        return max(1, len(self.interval.losses) // max(1, len(self._backward_sites)))

    def info(self) -> OptimizerInfo:
        """The loop as a record."""
        return OptimizerInfo(
            index=self.index,
            name=self.name,
            settings=self.settings,
            parameters=tuple(self.columns),
            created=self.created,
            stepped=text_of(self.step_site),
        )

    def places(self) -> int:
        """How many lines call its backwards."""
        return len({text_of(site) for site in self._backward_sites})


def plain_settings(group: dict[str, Any]) -> dict[str, Any]:
    """The numbers and flags of a parameter group; tensors and parameters are left out."""
    kept: dict[str, Any] = {}
    for name, value in group.items():
        if isinstance(value, (bool, int, float, str)) or value is None:
            kept[name] = value
        elif isinstance(value, (tuple, list)) and all(isinstance(item, (int, float)) for item in value):
            kept[name] = list(value)
    return kept
