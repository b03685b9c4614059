"""A tape of what a script computes outside its models: operation by operation, each model's call as one piece.

From it a loss can be computed again at other parameters (`replay`). Only what hangs on something trainable is kept, and
only as long as a tensor that came from it lives, as the autograd graph itself.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_module
from torch.overrides import TorchFunctionMode, _get_current_function_mode
from torch.utils import _pytree as pytree
from torch.utils.hooks import RemovableHandle

from surefoot.capture.traced import traced

_IN_PLACE = frozenset({"__setitem__", "__iadd__", "__isub__", "__imul__", "__itruediv__", "__ipow__"})


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """The `position`-th tensor that a call returned."""

    call: Call
    position: int


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A tensor that requires gradients and was computed from nothing: a parameter."""

    tensor: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """A tensor that hangs on nothing trainable: data; and its version when it was read."""

    tensor: Tensor
    version: int

    @property
    def intact(self) -> bool:
        """Whether nobody has written into it since."""
        return self.tensor._version == self.version


class Unknown:
    """A tensor that requires gradients and came from where the tape does not see."""


class Call:
    """One operation, or one call of an outermost module.

    Args:
        number: Its place in the order of all calls.
        function: The operation; None for a module.
        module: The module; None for an operation.
        leaves: Arguments, flattened, tensors replaced by where they came from.
        structure: To put the arguments together again.
    """

    __slots__ = ("autocast", "function", "leaves", "modes", "module", "number", "random", "structure")

    def __init__(
        self, number: int, function: Any, module: nn.Module | None, leaves: list[Any], structure: Any
    ) -> None:
        self.number = number
        self.function = function
        self.module = module
        self.leaves = leaves
        self.structure = structure
        self.autocast = _autocast()
        self.modes: list[bool] = []  # of the module and all in it
        self.random: list[Tensor] = []  # the generators' states before a module's call

    @property
    def in_place(self) -> bool:
        """Whether it writes into its first argument."""
        return self.function is not None and writes(self.function)


class Tape(TorchFunctionMode):
    """Records while it is entered, by `start`; `stop` takes everything back."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[int, tuple[weakref.ref[Tensor], Result]] = {}
        self._numbers = itertools.count()
        self._stack: list[nn.Module] = []
        self._on = False  # on the stack of modes
        self._random: list[Tensor] = []
        self._handles: list[RemovableHandle] = []
        self._thread = threading.get_ident()
        self.paused = False  # during a backward pass, which may run parts of a model again
        self.entering: Callable[[nn.Module], None] | None = None
        self.leaving: Callable[[nn.Module], None] | None = None

    # -- on and off

    def start(self) -> None:
        """Begin to record."""
        self._handles = [
            torch_module.register_module_forward_pre_hook(self._before),
            torch_module.register_module_forward_hook(self._after, with_kwargs=True, always_call=True),
        ]
        self._enter()

    def stop(self) -> None:
        """End, and leave nothing behind."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._leave()
        self._stack.clear()

    def _enter(self) -> None:
        if not self._on:
            self._on = True
            self.__enter__()

    def _leave(self) -> None:
        # Below a mode of the script's own it stays where it is.
        if self._on and _get_current_function_mode() is self:
            self.__exit__(None, None, None)
            self._on = False

    # -- what it is asked

    def origin(self, tensor: Tensor) -> Result | None:
        """The call that a tensor came from, if it was recorded."""
        found = self._known.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def alias(self, tensor: Tensor, original: Tensor) -> None:
        """Let `tensor` stand for what `original` came from."""
        found = self.origin(original)
        if found is not None:
            self._remember(tensor, found)

    # -- operations

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self._handles or self._stack or not torch.is_grad_enabled() or self._elsewhere():
            return func(*args, **kwargs)
        call = self._read(func, None, args, kwargs) if self._concerned(args, kwargs) else None
        result = func(*args, **kwargs)
        if call is not None:
            self._returned(call, args[:1] if getattr(func, "__name__", "") == "__setitem__" else result)
        return result

    def _elsewhere(self) -> bool:
        return self.paused or threading.get_ident() != self._thread or traced()

    def _concerned(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether an argument is trainable or was recorded; looks two levels deep."""
        for value in (*args, *kwargs.values()):
            for item in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(item, Tensor) and (item.requires_grad or self.origin(item) is not None):
                    return True
        return False

    def _read(self, function: Any, module: nn.Module | None, args: Any, kwargs: Any) -> Call:
        flat, structure = pytree.tree_flatten((args, kwargs))
        leaves = [self._source(value) if isinstance(value, Tensor) else value for value in flat]
        if function is not None and writes(function) and isinstance(leaves[0], Constant):
            copy = leaves[0].tensor.detach().clone()
            leaves[0] = Constant(copy, copy._version)
        return Call(next(self._numbers), function, module, leaves, structure)

    def _source(self, tensor: Tensor) -> Result | Leaf | Constant | Unknown:
        if tensor.requires_grad and tensor.is_leaf:  # also one that was made from another, for the next step
            return Leaf(tensor)
        found = self.origin(tensor)
        if found is not None:
            return found
        return Unknown() if tensor.requires_grad else Constant(tensor, tensor._version)

    def _returned(self, call: Call, result: Any) -> None:
        for position, tensor in enumerate(tensors_of(result)):
            if tensor.requires_grad and tensor.is_leaf:
                continue  # a parameter, initialised
            self._remember(tensor, Result(call, position))

    def _remember(self, tensor: Tensor, result: Result) -> None:
        key = id(tensor)

        def gone(ref: weakref.ref[Tensor]) -> None:
            found = self._known.get(key)
            if found is not None and found[0] is ref:
                del self._known[key]

        self._known[key] = (weakref.ref(tensor, gone), result)

    # -- modules

    def _before(self, module: nn.Module, args: Any) -> None:
        if self._elsewhere():
            return
        self._stack.append(module)
        if len(self._stack) > 1:
            return
        if self.entering is not None:
            self.entering(module)
        self._random = random_states() if torch.is_grad_enabled() else []
        # Inside a model nothing is recorded; and some of PyTorch's quick ways are not taken under a mode.
        self._leave()

    def _after(self, module: nn.Module, args: Any, *rest: Any) -> None:
        stack = self._stack
        # After an exception torch leaves the keyword arguments out.
        kwargs, output = rest if len(rest) == 2 else ({}, None)
        if not stack or self._elsewhere():
            return
        while stack and stack.pop() is not module:
            pass
        if stack:
            return
        if self.leaving is not None:
            self.leaving(module)
        if torch.is_grad_enabled() and output is not None:
            call = self._read(None, module, args, kwargs)
            call.modes = [inner.training for inner in module.modules()]
            call.random, self._random = self._random, []
            self._returned(call, output)
        if self._handles:
            self._enter()


def writes(function: Any) -> bool:
    """Whether an operation writes into its first argument."""
    name = getattr(function, "__name__", "")
    return name in _IN_PLACE or (name.endswith("_") and not name.endswith("__"))


def tensors_of(value: Any) -> Iterator[Tensor]:
    """All tensors of what a call returned, in a fixed order."""
    return (item for item in pytree.tree_leaves(value) if isinstance(item, Tensor))


def random_states() -> list[Tensor]:
    """States of the generators of the host and of the devices in use."""
    states = [torch.get_rng_state()]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states += torch.cuda.get_rng_state_all()
    return states


def _autocast() -> tuple[str, torch.dtype] | None:
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return device, torch.get_autocast_dtype(device)
    return None
