"""The loops of a training: optimizers made, those that have stepped, and which losses reach whose parameters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import itemgetter
from typing import Any

from torch.optim import Optimizer

from surefoot.capture.loop import Loop, plain_settings
from surefoot.capture.parameters import Parameters, is_uninitialized
from surefoot.capture.place import Site, caller_site, text_of

_MOST_WAITING = 8
_PARAMETERS = itemgetter("params")


class Loops:
    """Registry of loops, in the order of their first steps.

    Args:
        parameters: Gives the loops' parameters their columns.
        only: Ids of the optimizers that are watched; None: all.
    """

    def __init__(self, parameters: Parameters, only: Collection[int] | None) -> None:
        self.created = 0
        self.stepping: list[Loop] = []
        self.waiting: list[Loop] = []  # optimizers made, not yet used
        self.everyone: tuple[Loop, ...] = ()
        self.own: tuple[Loop, ...] = ()  # of them, those whose gradients no other thread writes
        self.elsewhere: set[int] = set()  # parameters of optimizers that are not watched
        self.only = only
        # backward's place -> ids of the loops whose parameters it reaches; unknown until looked at
        self.reach: dict[Site | None, set[int]] = {}
        self._parameters = parameters
        self._by_optimizer: dict[int, Loop] = {}
        self._others_reach: set[int] = set()  # leaves that the backwards of other threads reach

    @property
    def without_optimizers(self) -> bool:
        """Whether no optimizer was seen so far: what descends, descends by hand."""
        return not self.created and self.only is None and all(loop.manual for loop in self.stepping)

    def made(self, optimizer: Optimizer, step: int) -> None:
        """An optimizer was constructed after so many steps."""
        self.created += 1
        if self.only is not None:
            return  # those to watch were made before
        loop = Loop(-1, optimizer)
        loop.created = text_of(caller_site())
        self.read_groups(loop, optimizer)
        loop.created_at_step = step
        self.wait_for(loop)
        del self.waiting[:-_MOST_WAITING]
        self._regroup()

    def wait_for(self, loop: Loop) -> None:
        """Watch a loop that has not stepped yet."""
        self.waiting.append(loop)
        self._regroup()

    def forget(self, loop: Loop) -> None:
        """A loop that waited is none."""
        if loop in self.waiting:
            self.waiting.remove(loop)
        self._regroup()

    def number(self, loop: Loop) -> None:
        """A loop takes its first step."""
        self.forget(loop)
        loop.number(len(self.stepping))
        loop.remember = self._parameters.remember
        self._parameters.remember()
        loop.columns = self._parameters.held_by(loop.parameters, loop.index)
        self.stepping.append(loop)
        self._regroup()

    def known(self, optimizer: Any) -> Loop | None:
        """The loop of an optimizer that was seen; None for any other."""
        return next((loop for loop in self.everyone if loop.optimizer() is optimizer), None)

    def watches(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer that steps is one of those to watch."""
        if self.only is None or id(optimizer) in self.only:
            return True
        self.elsewhere.update(id(p) for group in optimizer.param_groups for p in group["params"])
        return False

    def stepped(self, optimizer: Optimizer) -> Loop | None:
        """The loop of an optimizer that has stepped before; None for any other."""
        loop = self._by_optimizer.get(id(optimizer))
        return loop if loop is not None and loop.optimizer() is optimizer else None

    def of(self, optimizer: Optimizer) -> tuple[Loop, bool]:
        """The loop of an optimizer that steps, and whether it was made before the observation."""
        loop = self.stepped(optimizer)
        if loop is not None:
            return loop, False
        waiting = next((w for w in self.waiting if w.optimizer() is optimizer), None)
        if waiting is not None:
            self.forget(waiting)
        made = waiting or Loop(-1, optimizer)
        self.read_groups(made, optimizer)
        ids = {id(p) for p in made.parameters}
        for known in self.stepping:
            # The same optimizer made anew over the same parameters goes on where the old one was.
            if (
                known.name == made.name
                and known.created == made.created
                and {id(p) for p in known.living()} == ids
            ):
                known.renew(optimizer, made)
                self._by_optimizer[id(optimizer)] = known
                return known, False
        self.number(made)
        self._by_optimizer[id(optimizer)] = made
        return made, waiting is None

    def refresh(self, loop: Loop, optimizer: Optimizer) -> None:
        """Read the parameter groups anew where some were added or changed."""
        if loop.group_sizes != tuple(map(len, map(_PARAMETERS, optimizer.param_groups))):
            self.read_groups(loop, optimizer)

    def read_groups(self, loop: Loop, optimizer: Optimizer) -> None:
        """Take parameters and settings from an optimizer."""
        groups = optimizer.param_groups
        loop.group_sizes = tuple(len(group["params"]) for group in groups)
        loop.parameters = [p for group in groups for p in group["params"] if not is_uninitialized(p)]
        loop.settings = plain_settings({**optimizer.defaults, **(groups[0] if groups else {})})
        loop.parameter_ids = {id(p) for p in loop.parameters}
        if loop.index >= 0:
            loop.columns = self._parameters.held_by(loop.parameters, loop.index)
            self.reach.clear()

    def reached_by(self, leaves: set[int]) -> list[Loop]:
        """The loops that hold some of these tensors, given by their ids."""
        return [loop for loop in self.everyone if loop.parameter_ids & leaves]

    def held(self) -> set[int]:
        """Ids of all that the loops which have stepped hold."""
        return set[int]().union(*(loop.parameter_ids for loop in self.stepping))

    def shared_with(self, leaves: Iterable[int]) -> None:
        """Another thread's backward reaches these leaves, given by their ids."""
        self._others_reach.update(leaves)
        self._part()

    def leave_to_others(self, optimizers: Collection[int]) -> None:
        """Forget the optimizers, given by their ids, that were made here and step in another thread."""
        left = [w for w in self.waiting if (made := w.optimizer()) is not None and id(made) in optimizers]
        for loop in left:
            self.elsewhere |= loop.parameter_ids
            self.forget(loop)

    def _regroup(self) -> None:
        self.everyone = (*self.stepping, *self.waiting)
        self._part()
        self.reach.clear()

    def _part(self) -> None:
        if self._others_reach:
            for loop in self.everyone:
                loop.shared = bool(loop.parameter_ids & self._others_reach)
        self.own = tuple(loop for loop in self.everyone if not loop.shared)

    def let_go(self) -> None:
        """Free what nobody else holds any more."""
        for loop in self.everyone:
            loop.let_go()
