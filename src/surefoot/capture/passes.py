"""The backward passes and optimizer steps of a script, told as they come, with the tape that led to each loss.

For what runs a script to look at its losses and not to record it: landscapes, back-propagation taken apart.
"""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer

from surefoot.capture.limit import StepLimit
from surefoot.capture.patches import Patches
from surefoot.capture.place import Site, caller_site
from surefoot.capture.replay import Program
from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.capture.tape import Leaf, Result, Tape
from surefoot.capture.threads import ObservedThread
from surefoot.capture.traced import traced
from surefoot.interrupts import pass_on


class Passes(ABC):
    """Hooks and patches of one script; `begin` after torch is imported, `end` after the script.

    Args:
        limit: Stop the script after so many optimizer steps (backward passes where there is no optimizer).
    """

    def __init__(self, limit: int | None = None) -> None:
        self.tape = Tape()
        self.steps = 0
        self.backwards = 0
        self.fault: str | None = None  # of ours; the script runs on
        self._limit = limit
        self._owner = os.getpid()
        self._patches = Patches()
        self._listener = StepListener(self._before_step, self._after_step)
        self._threads = ObservedThread(None, lambda what: False, lambda others: None, lambda root: None)
        self._threads.take()  # the tape is this thread's
        self._optimizers: list[weakref.ref[Optimizer]] = []
        self._unscaled: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._active = False

    @abstractmethod
    def backward(self, program: Program | None, roots: list[Tensor], site: Site | None) -> None:
        """A backward pass begins at `roots`; no program where they came from nothing that was seen."""

    @abstractmethod
    def before_step(self, optimizer: Optimizer) -> None:
        """An optimizer is about to step."""

    @property
    def clock(self) -> int:
        """Optimizer steps so far; backward passes begun before this one where there is no optimizer."""
        return self.steps if self.has_optimizer else self.backwards - 1

    @property
    def has_optimizer(self) -> bool:
        """Whether an optimizer was made."""
        return bool(self._optimizers)

    def begin(self) -> None:
        """Attach."""
        patch = self._patches.add
        patch(torch.Tensor, "backward", self._tensor_backward)
        patch(torch.autograd, "backward", self._autograd_backward)
        patch(torch.autograd, "grad", self._autograd_grad)
        patch(Optimizer, "__init__", self._made)
        patch(torch.amp.GradScaler, "scale", self._scaled)
        patch(torch, "compile", self._compiled)
        patch(nn.Module, "compile", self._compiled)
        listen(self._listener)
        self._active = True
        self.tape.start()

    def end(self) -> None:
        """Take everything back."""
        self._active = False
        self.tape.stop()
        leave(self._listener, self._threads.others_alive)
        self._patches.undo()

    # -- events

    def _begins(self, roots: list[Tensor], site: Site | None) -> None:
        if self._limit is not None and not self.has_optimizer and self.backwards >= self._limit:
            raise StepLimit
        self.backwards += 1
        self._guarded(lambda: self.backward(self._program(roots), roots, site))

    def _program(self, roots: list[Tensor]) -> Program | None:
        sources: list[Result | Leaf] = []
        value = torch.zeros((), device=roots[0].device)
        for root in roots:
            source = self.tape.origin(root)
            if source is None or root.numel() != 1:
                return None
            sources.append(source)
            scaled = self._unscaled.get(id(root))
            plain = scaled[1] if scaled is not None and scaled[0]() is root else root
            value = value + plain.detach().reshape(())
        return Program(sources, value, frozenset(self._held()) if self._optimizers else None)

    def _held(self) -> set[int]:
        """Ids of what the optimizers hold."""
        alive = [optimizer for ref in self._optimizers if (optimizer := ref()) is not None]
        return {id(p) for optimizer in alive for group in optimizer.param_groups for p in group["params"]}

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._wanted() and not self._threads.in_backward:
            self._guarded(lambda: self.before_step(optimizer))

    def _after_step(self, optimizer: Optimizer) -> None:
        if not self._threads.step(optimizer) or not self._wanted():
            return
        self.steps += 1
        if self._limit is not None and self.steps >= self._limit:
            raise StepLimit

    def _wanted(self) -> bool:
        return self._threads.here() and self._active and os.getpid() == self._owner and not traced()

    def _guarded(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # the script must run whatever happens to us
            pass_on(error)
            self.fault = self.fault or f"{type(error).__name__}: {error}"

    # -- wrappers

    def _tensor_backward(self, original: Any) -> Any:
        def backward(tensor: Tensor, *args: Any, **kwargs: Any) -> Any:
            if not self._wanted() or self._threads.in_backward:
                return original(tensor, *args, **kwargs)
            self._threads.in_backward = self.tape.paused = True
            try:
                self._begins([tensor], caller_site())
                return original(tensor, *args, **kwargs)
            finally:
                self._threads.in_backward = self.tape.paused = False

        return backward

    def _autograd_backward(self, original: Any) -> Any:
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if not self._wanted() or self._threads.in_backward:
                return original(tensors, *args, **kwargs)
            if not isinstance(tensors, (Tensor, tuple, list)):
                tensors = tuple(tensors)  # an iterator can be read once only
            roots = [tensors] if isinstance(tensors, Tensor) else list(tensors)
            self._threads.in_backward = self.tape.paused = True
            try:
                if roots and all(isinstance(root, Tensor) for root in roots):
                    self._begins(roots, caller_site())
                return original(tensors, *args, **kwargs)
            finally:
                self._threads.in_backward = self.tape.paused = False

        return backward

    def _autograd_grad(self, original: Any) -> Any:
        def grad(outputs: Any, inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
            create = args[2] if len(args) > 2 else kwargs.get("create_graph", False)
            if create or self._threads.in_backward or not self._wanted() or not isinstance(outputs, Tensor):
                return original(outputs, inputs, *args, **kwargs)
            if not isinstance(inputs, (Tensor, list)):
                inputs = tuple(inputs)  # an iterator can be read once only
            self._threads.in_backward = self.tape.paused = True
            try:
                if self._of_parameters(outputs, inputs):
                    self._begins([outputs], caller_site())
                return original(outputs, inputs, *args, **kwargs)
            finally:
                self._threads.in_backward = self.tape.paused = False

        return grad

    def _of_parameters(self, outputs: Tensor, inputs: Any) -> bool:
        """Whether a gradient is one to descend by, not that of an input."""
        wanted = [inputs] if isinstance(inputs, Tensor) else list(inputs)
        if outputs.numel() != 1 or not all(
            isinstance(tensor, Tensor) and tensor.is_leaf for tensor in wanted
        ):
            return False
        return not self._optimizers or bool({id(tensor) for tensor in wanted} & self._held())

    def _made(self, original: Any) -> Any:
        def init(optimizer: Any, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            self._optimizers.append(weakref.ref(optimizer))

        return init

    def _scaled(self, original: Any) -> Any:
        def scale(scaler: Any, outputs: Any) -> Any:
            result = original(scaler, outputs)
            if isinstance(outputs, Tensor) and isinstance(result, Tensor) and result is not outputs:
                self.tape.alias(result, outputs)
                self._unscaled = {id(result): (weakref.ref(result), outputs.detach())}
            return result

        return scale

    def _compiled(self, original: Any) -> Any:
        def compiled(model: Any = None, *args: Any, **kwargs: Any) -> Any:
            # A compiled model is called as one piece; whatever else is compiled must not run under a mode of ours.
            if not (isinstance(model, nn.Module) and original.__module__ == "torch"):
                self.tape.stop()
                self.fault = (
                    self.fault or "the script compiles functions, which run where they cannot be seen"
                )
            return original(model, *args, **kwargs)

        return compiled
