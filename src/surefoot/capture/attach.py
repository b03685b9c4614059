"""The only door: everything that PyTorch is asked to report is asked for here, and taken back here.

Official hooks where there are some (optimizer steps, module calls); an attribute replaced for the time of
the observation where there are none (`Patches`).
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from threading import get_ident
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor, nn
from torch._functorch import apis
from torch.optim import lr_scheduler
from torch.optim.optimizer import Optimizer
from torch.utils.data import DataLoader
from torch.utils.data.dataloader import _BaseDataLoaderIter

from surefoot.capture.backward_arguments import descended, first_of, leaves_named, parts_of, root_of
from surefoot.capture.losses import FUNCTIONS
from surefoot.capture.observer import Observer
from surefoot.capture.patches import Patches
from surefoot.capture.place import from_users_code
from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.capture.traced import traced
from surefoot.capture.unseen import unseen

_DROPOUTS = (
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "alpha_dropout",
    "feature_alpha_dropout",
)
_TORCH = os.path.dirname(torch.__file__)
Make = Callable[[Any], Any]


class Attachment:
    """All hooks and patches of one observation.

    Args:
        observer: Gets the events.
    """

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._dispatch = observer.dispatch
        self._tell = observer.dispatch.tell
        self._patches = Patches()
        self._threads = observer.threads
        self._hears_compiled = False
        self._inside: int | None = None  # the thread that is in a `Tensor.backward`
        self._listener = StepListener(lambda *given: None, lambda optimizer: None)
        self._before_backward = observer.guard.part("core", observer.backwards.begins)
        self._after_backward = observer.guard.part("core", observer.backwards.ends)

    def _begins(self, *event: Any) -> None:
        with self._threads.event:
            self._before_backward(*event)

    def _ends(self, *event: Any) -> None:
        with self._threads.event:
            self._after_backward(*event)

    def attach(self) -> None:
        """Register every hook and patch."""
        observer = self.observer
        before_step = observer.guard.part("core", observer.steps.begins)
        after_step = observer.guard.part("core", observer.steps.ends)

        bind = observer.guard.part("cruising", observer.cruise.bind)

        def before(optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
            return before_step(optimizer, args, kwargs) if self._dispatch.wants_step(optimizer) else None

        def after(optimizer: Optimizer) -> None:
            if self._dispatch.listening:  # whose step it is was asked before it
                after_step(optimizer)
                bind(optimizer)

        cruise = observer.cruise
        self._listener = StepListener(before, after, cruise.step_begins, cruise.step_ends)
        listen(self._listener)
        patch = self._patches.add
        patch(torch.Tensor, "backward", self._tensor_backward)
        patch(torch.autograd, "backward", self._autograd_backward)
        patch(torch.autograd, "grad", self._autograd_grad)
        for name in ("grad", "grad_and_value"):
            patch(torch.func, name, self._functional(name), apis)
        for name in FUNCTIONS:
            patch(functional, name, self._loss(name))
        for name in _DROPOUTS:
            patch(functional, name, self._dropout)
        patch(Optimizer, "__init__", self._after(lambda args, result: observer.optimizer_made(args[0])))
        patch(nn.Module, "train", self._before(lambda args: observer.mode_changes()))
        patch(DataLoader, "__iter__", self._before(self._loader_begins))
        patch(_BaseDataLoaderIter, "__next__", self._next_batch)
        patch(torch.no_grad, "__enter__", self._gradients_off)
        patch(torch.inference_mode, "__enter__", self._gradients_off)
        for kind in _schedulers():
            patch(kind, "step", self._scheduler_step)
        for name in ("clip_grad_norm_", "clip_grad_value_"):
            patch(nn.utils, name, self._clip(name), nn.utils.clip_grad)
        patch(torch.amp.GradScaler, "scale", self._after(self._scaled))
        patch(torch.amp.GradScaler, "update", self._after(self._scaler_updated))
        patch(torch.Tensor, "register_hook", self._before(self._tensor_hooked))
        patch(torch.autograd.graph.saved_tensors_hooks, "__enter__", self._before(self._saved_tensors_hooked))
        patch(torch, "compile", self._after(lambda args, result: self._compiled(args)))
        patch(nn.Module, "compile", self._before(self._compiled))
        observer.training.modules.open()
        self._dispatch.start()

    def detach(self) -> None:
        """Take everything back; wrappers that somebody still holds pass their calls straight through."""
        self._take_back(self._threads.others_alive)

    def stop(self) -> None:
        """The same from any thread, be an event under way or not; what may not change in its midst is left deaf."""
        if self._dispatch.listening:
            self._take_back(stepping=True)
            self._dispatch.let_go()
            self.observer.let_go()

    def _take_back(self, stepping: bool) -> None:
        was = self._dispatch.listening
        self.observer.cruise.stop()
        self._dispatch.stop()
        self._threads.end()
        leave(self._listener, stepping)
        if not was:
            return
        self.observer.training.modules.forbid()  # the last step of a descent by hand is settled after this
        self.observer.training.losses.validation.reading.forbid()
        self._patches.undo()

    # -- wrappers

    def _tensor_backward(self, original: Any) -> Any:
        begins, ends = self.observer.cruise.backward_begins, self.observer.cruise.backward_ends

        def backward(
            tensor: Tensor,
            gradient: Any = None,
            retain_graph: Any = None,
            create_graph: bool = False,
            inputs: Any = None,
        ) -> Any:
            if (
                gradient is None
                and inputs is None
                and not retain_graph
                and not create_graph
                and begins(tensor)
            ):
                try:
                    self._threads.in_backward = True
                    self._inside = get_ident()
                    result = original(tensor, gradient, retain_graph, create_graph, inputs)
                    ends()
                finally:
                    self._inside = None
                    self._threads.in_backward = False
                return result
            if not self._dispatch.wants_backward(tensor):
                return original(tensor, gradient, retain_graph, create_graph, inputs)
            try:
                self._threads.in_backward = True
                self._inside = get_ident()
                parts = () if gradient is None else ((tensor, gradient),)
                self._begins(tensor, retain_graph, create_graph, parts, leaves_named(inputs))
                result = original(tensor, gradient, retain_graph, create_graph, inputs)
                self._ends()
            finally:
                self._inside = None
                self._threads.in_backward = False
            return result

        return backward

    def _autograd_backward(self, original: Any) -> Any:
        def backward(tensors: Any, *args: Any, **kwargs: Any) -> Any:
            if self._inside == get_ident():
                return original(tensors, *args, **kwargs)  # what `Tensor.backward` calls
            if not isinstance(tensors, (Tensor, tuple, list)):
                tensors = tuple(tensors)  # an iterator can be read once only
            if not self._dispatch.wants_backward(first_of(tensors)):
                return original(tensors, *args, **kwargs)
            root = unseen(root_of, tensors)
            retain = args[1] if len(args) > 1 else kwargs.get("retain_graph")
            create = args[2] if len(args) > 2 else kwargs.get("create_graph", False)
            inputs = leaves_named(args[4] if len(args) > 4 else kwargs.get("inputs"))
            self._threads.in_backward = True
            try:
                self._begins(root, retain, bool(create), parts_of(tensors, args, kwargs), inputs)
                result = original(tensors, *args, **kwargs)
                self._ends()
            finally:
                self._threads.in_backward = False
            return result

        return backward

    def _autograd_grad(self, original: Any) -> Any:
        observer = self.observer

        def grad(outputs: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
            # Where an optimizer was made, gradients asked for by name are something beside the descent.
            if (
                not self._dispatch.listening
                or self._threads.in_backward
                or not observer.training.loops.without_optimizers
            ):
                return original(outputs, inputs, *args, **kwargs)
            outputs = outputs if isinstance(outputs, Tensor) else tuple(outputs)
            inputs = (
                inputs if isinstance(inputs, Tensor) else tuple(inputs)
            )  # a generator can be read once only
            root, leaves = unseen(descended, outputs, inputs)
            create = args[2] if len(args) > 2 else kwargs.get("create_graph", False)
            if root is None or create or not from_users_code() or not self._dispatch.wants_backward(root):
                return original(outputs, inputs, *args, **kwargs)
            retain = args[1] if len(args) > 1 else kwargs.get("retain_graph")
            self._threads.in_backward = True
            try:
                self._begins(root, retain, False, parts_of(outputs, args, kwargs))
                result = original(outputs, inputs, *args, **kwargs)
                given = zip(leaves, result, strict=True)
                self._ends({id(p): gradient for p, gradient in given if gradient is not None})
            finally:
                self._threads.in_backward = False
            return result

        return grad

    def _functional(self, name: str) -> Make:
        observer = self.observer
        called = observer.guard.part("functional descent", observer.functional.called)

        def make(original: Any) -> Any:
            def transform(func: Any, argnums: Any = 0, has_aux: bool = False) -> Any:
                made = original(func, argnums, has_aux)
                if not self._dispatch.active or not isinstance(argnums, int):
                    return made

                @functools.wraps(made)
                def gradients(*args: Any, **kwargs: Any) -> Any:
                    result = made(*args, **kwargs)
                    if self._dispatch.wants_descent(
                        not observer.training.loops.without_optimizers
                    ) and argnums < len(args):
                        found: Any = result
                        value: Any = None
                        if name == "grad_and_value":
                            found, value = result
                            value = value[0] if has_aux else value
                        elif has_aux:
                            found = result[0]
                        called(args[argnums], found, value)
                    return result

                return gradients

            return transform

        return make

    def _loss(self, name: str) -> Make:
        seen = self.observer.guard.part("losses", self.observer.training.losses.seen)

        def otherwise(args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
            if self._dispatch.active and not traced():
                seen(name, args, kwargs, result)

        def make(original: Any) -> Any:
            loss = self.observer.cruise.wrapped_loss(name, original, otherwise)
            # What torch.jit.script and torch.compile look for to take the original; assigned plainly, the
            # names were mangled.
            setattr(loss, "__script_if_tracing_wrapper", True)
            setattr(loss, "__original_fn", original)
            return loss

        return make

    def _dropout(self, original: Any) -> Any:
        default = inspect.signature(original).parameters["training"].default

        def dropout(*args: Any, **kwargs: Any) -> Any:
            # Asked in an evaluation, and where modules are watched.
            modules = self.observer.training.modules
            if (modules.on or not torch.is_grad_enabled()) and self._dispatch.active and not traced():
                share = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
                on = args[2] if len(args) > 2 else kwargs.get("training", default)
                if share:
                    self.observer.guard.run("calls", lambda: modules.dropout_called(bool(on)))
            return original(*args, **kwargs)

        setattr(dropout, "__script_if_tracing_wrapper", True)
        setattr(dropout, "__original_fn", original)
        return dropout

    def _clip(self, name: str) -> Make:
        def make(original: Any) -> Any:
            def clip(parameters: Any, *args: Any, **kwargs: Any) -> Any:
                if not self._dispatch.active:
                    return original(parameters, *args, **kwargs)
                if not isinstance(parameters, Tensor):
                    parameters = list(parameters)  # a generator can be read once only
                result = original(parameters, *args, **kwargs)
                limit = args[0] if args else kwargs.get("max_norm", kwargs.get("clip_value"))
                unseen(self._tell.clip_called, name, parameters, limit, result)
                return result

            return clip

        return make

    def _gradients_off(self, original: Any) -> Any:
        def enter(context: Any) -> Any:
            # PyTorch itself switches gradients off in clipping and elsewhere; a decorator of the user's
            # comes through _contextlib.
            filename = sys._getframe(1).f_code.co_filename
            if self._dispatch.active and (
                not filename.startswith(_TORCH) or filename.endswith("_contextlib.py")
            ):
                self.observer.guard.run("calls", self.observer.attention)
            return original(context)

        return enter

    def _scheduler_step(self, original: Any) -> Any:
        def step(scheduler: Any, *args: Any, **kwargs: Any) -> Any:
            # A scheduler steps itself once when it is made, and those inside it.
            if self._dispatch.active and not sys._getframe(1).f_code.co_filename.startswith(_TORCH):
                given = args[0] if args else kwargs.get("metrics")
                unseen(self._tell.scheduler_stepped, scheduler, given)
            return original(scheduler, *args, **kwargs)

        return step

    def _before(self, tell: Callable[[tuple[Any, ...]], None]) -> Make:
        """Report a call before it runs."""

        def make(original: Any) -> Any:
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                if self._dispatch.active and not traced():
                    self.observer.guard.run("calls", lambda: tell(args))
                return original(*args, **kwargs)

            return wrapper

        return make

    def _after(self, tell: Callable[[tuple[Any, ...], Any], None]) -> Make:
        """Report a call after it ran."""

        def make(original: Any) -> Any:
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                result = original(*args, **kwargs)
                if self._dispatch.active and not traced():
                    self.observer.guard.run("calls", lambda: tell(args, result))
                return result

            return wrapper

        return make

    def _next_batch(self, original: Any) -> Any:
        yielded = self.observer.training.losses.validation.data.yielded

        def next_batch(iterator: Any) -> Any:
            began = perf_counter()
            batch = original(iterator)
            if self._dispatch.active and not traced():
                seconds = perf_counter() - began
                self.observer.guard.run("calls", lambda: yielded(iterator))
                self._tell.batch_given(seconds)
            return batch

        return next_batch

    # -- what they report

    def _loader_begins(self, args: tuple[Any, ...]) -> None:
        self._tell.loader_iterated(args[0])
        self.observer.attention()

    def _scaled(self, args: tuple[Any, ...], result: Any) -> None:
        self.observer.cruise.pause()
        self._tell.scaler_scaled(args[0])
        for output in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(output, Tensor):
                self.observer.backwards.scaled.scaled(output, args[0])

    def _scaler_updated(self, args: tuple[Any, ...], result: Any) -> None:
        self._tell.scaler_updated(args[0])

    def _saved_tensors_hooked(self, args: tuple[Any, ...]) -> None:
        self.observer.backwards.saved_tensors_hooked()

    def _tensor_hooked(self, args: tuple[Any, ...]) -> None:
        if not args[0].is_leaf:
            self._tell.tensor_hooked(args[0])

    def _compiled(self, args: tuple[Any, ...]) -> None:
        if args and isinstance(getattr(args[0], "__self__", None), Optimizer):
            return  # a step that is compiled runs no module
        self.observer.training.modules.forbid()
        self._tell.compiled()
        compiled = getattr(sys.modules.get("torch._dynamo.eval_frame"), "OptimizedModule", None)
        if compiled is not None and not self._hears_compiled:
            self._hears_compiled = True
            self._patches.add(compiled, "__call__", self._optimized_call)

    def _optimized_call(self, original: Any) -> Any:
        losses = self.observer.training.losses

        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._dispatch.active or traced():
                return original(*args, **kwargs)
            self.observer.guard.run("losses", losses.entered)
            output = original(*args, **kwargs)
            self.observer.guard.run("losses", lambda: losses.returned(args[0], args[1:], output))
            return output

        return call


def _schedulers() -> list[type]:
    kinds = [kind for kind in vars(lr_scheduler).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, lr_scheduler.LRScheduler) and "step" in vars(kind)]
