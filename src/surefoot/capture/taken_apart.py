"""One backward pass of somebody's script taken apart, where the script comes to it; then the script is stopped."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.autograd import backprop
from surefoot.autograd.lines import LinesKept
from surefoot.autograd.modules import watched
from surefoot.capture.kept import variable_names
from surefoot.capture.limit import StepLimit
from surefoot.capture.passes import Passes
from surefoot.capture.place import Site, caller_frame, text_of
from surefoot.capture.replay import Gathered, Program, gathered, unwrapped
from surefoot.gradients import Backpropagation
from surefoot.interrupts import pass_on


class TakenApart(Passes):
    """Runs a script up to the first backward pass of a step and takes that apart.

    Args:
        step: Which, from 1; backward passes are counted where there is no optimizer.

    Attributes:
        record: What was seen; None while the script has not come so far.
        place: The line of the backward pass.
    """

    def __init__(self, step: int = 1) -> None:
        super().__init__()
        self.record: Backpropagation | None = None
        self.place: str | None = None
        self._step = step
        self._watching: dict[int, tuple[nn.Module, AbstractContextManager[Any], dict[Any, str]]] = {}
        self._lines = LinesKept()
        self.tape.entering = self._entering

    def begin(self) -> None:
        """Attach."""
        super().begin()
        if self._step == 1:  # of a later step lines are kept from its first call of a model on
            self._lines.begin()

    def _entering(self, module: nn.Module) -> None:
        done = self.steps if self.has_optimizer else self.backwards
        inner = unwrapped(module)
        if done == self._step - 1:
            self._lines.begin()
        if done == self._step - 1 and id(inner) not in self._watching:
            context = watched(inner)
            self._watching[id(inner)] = inner, context, context.__enter__()

    def backward(self, program: Program | None, roots: list[Tensor], site: Site | None) -> None:
        """Take the wanted one apart, then stop the script."""
        if self.clock != self._step - 1:
            return
        self.place = text_of(site)
        self._lines.end()
        try:
            self._take_apart(program, roots)
        except Exception as error:
            pass_on(error)
            self.fault = f"{type(error).__name__}: {error}".rstrip(".")
        raise StepLimit

    def before_step(self, optimizer: Optimizer) -> None:
        """Nothing: only backward passes matter."""

    def end(self) -> None:
        """Take everything back."""
        self._lines.end()
        for _, context, _ in self._watching.values():
            context.__exit__(None, None, None)
        super().end()

    def _take_apart(self, program: Program | None, roots: list[Tensor]) -> None:
        names: dict[str, Tensor] = {}
        if program is not None:
            model, paths = gathered(program, variable_names(caller_frame()))
            names = dict(zip(paths, program.leaves, strict=True))
        else:
            model = Gathered()
            for inner, _, _ in self._watching.values():
                model.add_module(type(inner).__name__.lower(), inner)
        places = {id(module): path for path, module in model.named_modules()}
        owners: dict[Any, str] = {}
        for inner, _, found in self._watching.values():
            prefix = places.get(id(inner), "")
            own = type(inner).__name__
            for node, name in found.items():
                parts = [part for part in (prefix, "" if name == own and prefix else name) if part]
                owners[node] = ".".join(parts)
        root = roots[0] if len(roots) == 1 else sum(roots[1:], start=roots[0])
        self.record = backprop(root, model, names=names, owners=owners or None)
