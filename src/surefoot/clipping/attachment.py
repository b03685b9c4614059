"""A clipper on one optimizer: the step hooks, and all that is lent to a step and put back after it.

    before the step   collect the gradients, clip them (or wrap the closure that will make them)
    after the step    take back grad_scale and found_inf; where the step was left out, put everything back

torch runs global step hooks before an optimizer's own, so a hook that observes sees gradients before
clipping.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.clipping.fused import KernelArguments, why_not_fused
from surefoot.clipping.shortened import ShortenedUpdates
from surefoot.clipping.skipping import (
    HiddenGradients,
    Snapshot,
    UndoOnDevice,
    leaves_alone_without_gradients,
)
from surefoot.clipping.step import Step, collect, scale_gradients
from surefoot.errors import ClippingError


class Attachment:
    """The step hooks of one clipper on one optimizer.

    Args:
        optimizer: Takes the hooks; held weakly.
        clip: Clips one step.
        skips: Whether steps may have to be left out, so that a closure's step needs a way back.
        names: Parameter names by `id`, as far as a model gave them.
    """

    def __init__(
        self, optimizer: Optimizer, clip: Callable[[Step], object], skips: bool, names: Mapping[int, str]
    ) -> None:
        self._optimizer = weakref.ref(optimizer)
        self._clip = clip
        self._skips = skips
        self.names = names
        self._kernel = KernelArguments()
        self._hidden: list[HiddenGradients] = []
        self._snapshot: Snapshot | None = None
        self._undo: UndoOnDevice | None = None
        self._shortened: ShortenedUpdates | None = None
        self._leave_out = False
        self._unsettled = False
        # Whether the optimizer moves weights before, or between, evaluations of its closure; None: not known.
        self._moves_before_closure: bool | None = None
        self._checked: tuple[int, bool] = (-1, False)
        # Parameters whose optimizer state exists: a first step allocates, so it may as well synchronise.
        self._begun: set[int] = set()
        # One number in host memory that the fused kernel divides by.
        self._divisor = torch.ones((), dtype=torch.float32)
        self._divisor_memory = self._divisor.numpy()
        # A compiled step must not trace into the hooks: what they lend lasts for one step, and a trace keeps
        # what it saw. Creating any optimizer has already imported the compiler.
        self._compiled = False
        self._before_compiled_step = torch.compiler.disable(self._before_step_of_compiled)
        self._after_compiled_step = torch.compiler.disable(self._settle)
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
        ]
        if hasattr(optimizer, "_optimizer_state_dict_pre_hooks"):
            self._handles.append(optimizer.register_state_dict_pre_hook(self._before_state_dict))

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, while it lives."""
        return self._optimizer()

    def remove(self) -> None:
        """Take the hooks off and put back whatever is still lent."""
        optimizer = self._optimizer()
        if optimizer is not None:
            self._settle(optimizer)
            self._settle_late()
        for handle in self._handles:
            handle.remove()

    # ---- hooks

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if torch.compiler.is_compiling():
            return self._before_compiled_step(optimizer, args, kwargs)  # type: ignore[no-any-return]
        self._compiled = False
        return self._begin(optimizer, args, kwargs)

    def _before_step_of_compiled(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self._compiled = True
        return self._begin(optimizer, args, kwargs)

    def _begin(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        if self._unsettled:
            self._shortened = None
            self._settle(optimizer)  # the last step raised
        if self._undo is not None:
            self._settle_late()
        # args[0] is the optimizer; Accelerate passes closure=None by position.
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if callable(closure):
            closure = self._clipped(optimizer, closure)
            if len(args) > 1:
                return (args[0], closure, *args[2:]), kwargs
            return args, {**kwargs, "closure": closure}
        self._clip(collect(optimizer, self, record=True))
        return None

    def _clipped(self, optimizer: Optimizer, closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure, with the gradients that it leaves clipped; only its first evaluation is recorded."""
        if self._moves_before_closure is None and leaves_alone_without_gradients(optimizer):
            self._moves_before_closure = False
        if self._skips and self._moves_before_closure is not False:
            self._snapshot = Snapshot(optimizer)
            self._unsettled = True
        evaluations = 0

        def clipped() -> Any:
            nonlocal evaluations
            loss = closure()
            if (
                self._moves_before_closure is None
                and self._snapshot is not None
                and (evaluations or self._snapshot.moved())
            ):
                self._moves_before_closure = True
            if self._kernel.lent:
                self._kernel.take_back(optimizer)
            self._clip(collect(optimizer, self, record=evaluations == 0))
            evaluations += 1
            return loss

        return clipped

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling():
            self._after_compiled_step(optimizer)
        elif self._unsettled:
            self._settle(optimizer)

    def _before_state_dict(self, optimizer: Optimizer) -> None:
        if self._undo is not None:
            self._settle_late()

    def _settle(self, optimizer: Optimizer) -> None:
        """End a step: put back what was lent or hidden, and everything if the step was to be left out."""
        if self._kernel.lent:
            self._kernel.take_back(optimizer)
        if self._undo is not None:
            self._undo.apply()
        if self._shortened is not None:
            self._shortened.apply()
            self._shortened = None
        if self._snapshot is not None:
            if self._leave_out:
                self._snapshot.restore(optimizer)
            elif self._moves_before_closure is None:
                self._moves_before_closure = False
        for hidden in reversed(self._hidden):
            hidden.give_back()
        self._hidden.clear()
        self._snapshot = None
        self._leave_out = self._unsettled = False

    def _settle_late(self) -> None:
        if self._undo is not None:
            self._undo.apply_on_host()
            self._undo = None

    # ---- what a clipper asks for

    def travels(self, step: Step) -> bool:
        """Whether one factor for all gradients may go to the optimizer's fused kernel."""
        optimizer = self._optimizer()
        if not step.fused or optimizer is None or self._compiled:
            return False
        count = len(step.gradients)
        if self._checked[0] != count:
            self._checked = (count, why_not_fused(optimizer, step.gradients) is None)
        return self._checked[1]

    def scale_all(self, step: Step, factor: float | Tensor) -> None:
        """Multiply all gradients by one factor in [0, 1], in the kernel if it can be."""
        optimizer = self._optimizer()
        if optimizer is None or not self.travels(step):
            scale_gradients(step.gradients, factor)
            return
        if isinstance(factor, Tensor):
            scale = 1.0 if step.scale is None else step.scale
            divisor = (scale / factor).to(torch.float32)
        else:
            scale = 1.0 if step.scale is None else float(step.scale.cpu().numpy())
            self._divisor_memory[...] = scale / factor if factor else inf
            divisor = self._divisor
        self._kernel.lend(optimizer, grad_scale=divisor)
        self._unsettled = True

    def shorten(self, parameters: Sequence[Tensor], shares: Sequence[float] | Tensor) -> None:
        """Keep only these shares of the coming step's update of each parameter."""
        self._shortened = ShortenedUpdates(parameters, shares)
        self._unsettled = True

    def leave_out(self) -> None:
        """Leave the coming step out: weights and state stay exactly as they are."""
        optimizer = self._optimizer()
        if optimizer is None:
            return
        if self._snapshot is None and not leaves_alone_without_gradients(optimizer):
            self._snapshot = Snapshot(optimizer)
        self._hidden.append(HiddenGradients(optimizer))
        self._leave_out = self._unsettled = True

    def leave_out_if(self, bad: Tensor, step: Step) -> bool | None:
        """Leave the coming step out if `bad`, shape (), says so on the device.

        Returns:
            None where the device decides; else what the host decided, because the optimizer allocates its
            state in this step or is not torch's own.
        """
        optimizer = self._optimizer()
        if optimizer is None:
            return None
        begun = self._begun.issuperset(map(id, step.parameters))
        if not begun or not UndoOnDevice.suits(optimizer):
            left_out = bool(bad.cpu().numpy())
            if left_out:
                self.leave_out()
            else:
                self._begun.update(map(id, step.parameters))
            return left_out
        if self.travels(step):
            # Kernels skip at exactly 1; GradScaler's own flag may be 2 with two devices.
            self._kernel.lend(optimizer, found_inf=bad.to(torch.float32))
        else:
            self._undo = UndoOnDevice(optimizer, bad)
        self._unsettled = True
        return None


_HOLDERS = ("optimizer", "base_optimizer", "base", "_optimizer")


def stepping(optimizer: Any) -> Optimizer:
    """The optimizer that takes step hooks: this one, or the one inside a wrapper that takes none.

    Raises:
        ClippingError: There is none.
    """
    inner = optimizer
    while not _takes_hooks(inner):
        holder = next((name for name in _HOLDERS if hasattr(inner, name)), None)
        if holder is None:
            raise ClippingError(
                f"{type(optimizer).__name__} takes no step hooks and holds no optimizer that does: "
                "call the clipper on the parameters before each step"
            )
        inner = getattr(inner, holder)
    return inner  # type: ignore[no-any-return]


def _takes_hooks(optimizer: Any) -> bool:
    # A wrapper may have the hooks' attributes and a step that never calls them.
    step = getattr(type(optimizer), "step", None)
    return hasattr(optimizer, "_optimizer_step_pre_hooks") and getattr(step, "hooked", False)
