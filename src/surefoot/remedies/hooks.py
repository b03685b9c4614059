"""The events of a training that remedies act on, heard around an observation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.optim import Optimizer

from surefoot.capture.losses import FUNCTIONS
from surefoot.capture.patches import Patches
from surefoot.capture.step_hooks import StepListener, listen
from surefoot.remedies.losses import Rewriting
from surefoot.remedies.measure import Measure

Stepping = Callable[[Optimizer], None]
_LOSS = nn.modules.loss._Loss


class Hooks:
    """Where remedies register what they do; attached once, for the rest of the process.

    Remedies act outside of the observation: a loss function, a backward and a module are changed before it sees them,
    and so are gradients in front of a step. What an optimizer's groups hold is set after it, and given back before it
    hears the end.

    Attributes:
        clipper: Makes the clipper of every optimizer; None: none.
        before_backward: Each called with what the backward starts from.
        after_backward: Each called with no argument.
        before_step: Each called with the optimizer, its gradients there, before the observation sees them.
        setting: The same after it has seen them.
        after_step: Each called with the optimizer when the observation has seen the step.
        entering: Each called with an outermost module and its inputs; may return other inputs.
        leaving: Each called with the outermost module after its call.
        made: Each called with a new optimizer.
        patches: For what has no hook.
        losses: How loss functions are called.
        measure: Of redefined losses.
    """

    def __init__(self) -> None:
        self.clipper: Callable[[], Any] | None = None
        self.before_backward: list[Callable[[Any], None]] = []
        self.after_backward: list[Callable[[], None]] = []
        self.before_step: list[Stepping] = []
        self.setting: list[Stepping] = []
        self.after_step: list[Stepping] = []
        self.entering: list[Callable[[nn.Module, tuple[Any, ...]], tuple[Any, ...] | None]] = []
        self.leaving: list[Callable[[nn.Module], None]] = []
        self.made: list[Stepping] = []
        self.patching: list[Callable[[Patches], None]] = []
        self.measure = Measure()
        self.losses = Rewriting(self.measure)
        self._patches = Patches()
        self._modules: list[nn.Module] = []
        self._backwards = 0

    def attach_before(self) -> None:
        """What is to happen before the observation hears of it: called before that begins."""
        if self.before_step or self.losses.measured:
            listen(StepListener(self._before_step, lambda optimizer: None))
        if self.entering or self.leaving:
            enter: Any = self._enter  # whose inputs may take the place of those given
            torch_module.register_module_forward_pre_hook(enter)
            torch_module.register_module_forward_hook(self._leave, always_call=True)

    def attach_after(self) -> None:
        """The rest: called when it has begun, so that its own wrappers lie inside of these."""
        if self.setting or self.after_step or self.losses.measured:
            listen(StepListener(self._set, self._after_step))
        if self.before_backward or self.after_backward:
            self._patches.add(Tensor, "backward", self._backward)
            self._patches.add(torch.autograd, "backward", self._backward)
        for function in FUNCTIONS if self.losses.active else ():
            self._patches.add(nn.functional, function, self.losses.wrapper(function))
        if self.made:
            self._patches.add(Optimizer, "__init__", self._made)
        for patch in self.patching:
            patch(self._patches)

    # -- steps

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for act in self.before_step:
            act(optimizer)

    def _set(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        for act in self.setting:
            act(optimizer)

    def _after_step(self, optimizer: Optimizer) -> None:
        for act in self.after_step:
            act(optimizer)
        self.measure.step()

    # -- modules

    def _enter(self, module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if torch.compiler.is_compiling() or isinstance(module, _LOSS):
            return None
        self._modules.append(module)
        if len(self._modules) > 1 or next(module.parameters(), None) is None:
            return None
        changed = inputs
        for act in self.entering:
            changed = act(module, changed) or changed
        return changed if changed is not inputs else None

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if not self._modules or isinstance(module, _LOSS):
            return
        while self._modules and self._modules.pop() is not module:
            pass
        if not self._modules:
            for act in self.leaving:
                act(module)

    # -- backward

    def _backward(self, original: Any) -> Any:
        def backward(start: Any, *args: Any, **kwargs: Any) -> Any:
            if self._backwards:
                return original(start, *args, **kwargs)
            self._backwards += 1
            try:
                for begin in self.before_backward:
                    begin(start)
                result = original(start, *args, **kwargs)
            finally:
                self._backwards -= 1
            for end in self.after_backward:
                end()
            return result

        return backward

    # -- optimizers

    def _made(self, original: Any) -> Any:
        def made(optimizer: Optimizer, *args: Any, **kwargs: Any) -> None:
            original(optimizer, *args, **kwargs)
            for act in self.made:
                act(optimizer)

        return made


def trainable(optimizer: Optimizer) -> list[Tensor]:
    """The parameters that an optimizer steps and that have gradients."""
    return [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
