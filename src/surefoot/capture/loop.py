"""One loop of descent: an optimizer with its parameters, and the order in which it is used."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from surefoot.capture.place import Site, text_of
from surefoot.capture.unseen import unseen
from surefoot.records import MANUAL, OptimizerInfo

_NO_GRADIENT = (0, -1)


def _nobody() -> None:
    """As a weak reference whose tensor is gone."""


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
        self.losses: list[
            float | Tensor | None
        ] = []  # of the backwards whose gradients the next step will use
        self._clipped = False  # in place, since the last backward
        self._before = _NO_GRADIENT  # of the watched parameter, when the last backward began
        self.steps = 0
        self.backwards = 0
        self.cleared_unused = 0  # backwards whose gradients no step followed
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
        self._backwards_seen = 0
        self._cleared_now = False
        # The parameter that stands for all: users clear their gradients together.
        self._watched: Callable[[], Tensor | None] = _nobody
        self._gradient_id = 0
        self._version = -1
        self._backward_since_step = False

    def take(self, parameters: list[Tensor]) -> None:
        """Hold other parameters from now on: what the old ones still carry says nothing any more."""
        self.parameters = parameters
        self.parameter_ids = {id(p) for p in parameters}
        if id(self._watched()) not in self.parameter_ids:
            self._watched = _nobody

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
        watched = self._watched()
        self._before = _state(watched)
        if watched is None:
            return False
        gradient = watched.grad
        if gradient is None or id(gradient) != self._gradient_id or gradient._version != self._version:
            self._cleared_now = True
            self.cleared_unused += len(self.losses)
            self.losses = []
            return False
        return not self._backward_since_step and self.steps > 0

    def after_backward(self, loss: float | Tensor | None, site: Site | None, reached: bool) -> None:
        """Note a backward that reaches, or may reach, this loop's parameters.

        Args:
            loss: What it started from; None where it cannot be read.
            site: Where it was called.
            reached: Whether it is known to reach them; a backward that reaches nobody's is everybody's loss.
        """
        self._backward_since_step = True
        self._clipped = False
        self.backwards += reached
        self.losses.append(loss)
        if site is not self.backward_site:
            self.backward_site = site
            self._backward_sites.add(site)
        self._remember()

    def touched(self) -> bool:
        """Whether the backward that just ended wrote this loop's gradients, as far as one of them shows it."""
        watched = self._watched()
        if watched is None:  # none of them had a gradient so far
            watched = next((p for p in self.living() if p.requires_grad), None)
        return _state(watched) not in (self._before, _NO_GRADIENT)

    def clipped(self) -> None:
        """The gradients were scaled down in place: what the next step follows is still the same losses."""
        watched = self._watched()
        if self._backward_since_step and watched is not None and watched.grad is not None:
            self._clipped |= watched.grad._version != self._version
            self._remember()

    def _remember(self) -> None:
        watched = self._watched()
        gradient = watched.grad if watched is not None else None
        if gradient is None:
            for watched in self.living():
                gradient = watched.grad
                if gradient is not None:
                    self._watched = weakref.ref(watched)
                    break
            else:
                self._watched = _nobody
                return
        self._gradient_id = id(gradient)
        self._version = gradient._version

    def before_step(self, backwards: int) -> tuple[bool | None, bool, bool]:
        """Judge the interval since the last step.

        Args:
            backwards: Those of the whole run.

        Returns:
            Whether gradients were cleared in it, None where that can't be told; whether they were cleared after their
            backward; whether there was no backward at all.
        """
        fresh, self._backwards_seen = backwards > self._backwards_seen, backwards
        cleared, self._cleared_now = self._cleared_now, False
        if not self._backward_since_step:
            return None, False, not self.closure and not fresh
        watched = self._watched()
        gradient = watched.grad if watched is not None else None
        # Changed since backward: clipped, unscaled, or zeroed in place; the norm will tell.
        self.touched_before_step = gradient is not None and (
            self._clipped or gradient._version != self._version
        )
        known = self.steps > 0 and watched is not None
        return cleared if known else None, watched is not None and gradient is None, False

    def step_by_hand(self, replaced: bool) -> tuple[list[float | Tensor | None], bool | None]:
        """A step of descent by hand, seen at the next backward.

        Args:
            replaced: New leaves, which have no gradients, are in the place of the old ones.

        Returns:
            The losses of its micro-steps; whether gradients were cleared after it, None where that can't be told.
        """
        watched = self._watched()
        cleared = None
        if watched is not None:
            gradient = watched.grad
            kept = (
                gradient is not None
                and id(gradient) == self._gradient_id
                and gradient._version == self._version
            )
            cleared = replaced or not kept or self._cleared_now
        losses, self.losses = self.losses, []
        self.steps += 1
        self._backward_since_step = False
        self._cleared_now = False
        return losses, cleared

    def after_step(self) -> list[float | Tensor | None]:
        """Close the step; returns what its backwards started from since the gradients were cleared."""
        losses, self.losses = self.losses, []
        self.steps += 1
        self._backward_since_step = False
        # Clipping and some optimizers change gradients in place: only what comes after the step counts as clearing.
        if self._watched() is not None:
            self._remember()
        return losses

    def backward_seen(self) -> bool:
        """Whether a backward has come since the last step."""
        return self._backward_since_step

    def micro_batches(self) -> int:
        """How many batches the gradients of the coming step are from; several lines' losses are of one batch."""
        return max(1, len(self.losses) // max(1, len(self._backward_sites)))

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


def _state(parameter: Tensor | None) -> tuple[int, int]:
    """What tells two gradients of a parameter apart, before and after they were added to."""
    gradient = parameter.grad if parameter is not None else None
    return _NO_GRADIENT if gradient is None else (id(gradient), gradient._version)


def plain_settings(group: dict[str, Any]) -> dict[str, Any]:
    """The numbers and flags of a parameter group; tensors and parameters are left out."""
    kept: dict[str, Any] = {}
    for name, value in group.items():
        if isinstance(value, (bool, int, float, str)) or value is None:
            kept[name] = value
        elif isinstance(value, (tuple, list)) and all(isinstance(item, (int, float)) for item in value):
            kept[name] = list(value)
    return kept
