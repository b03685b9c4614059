"""An outermost module that the script called: its parts, their names, those that a mode changes."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

_NORMALISING = (
    nn.modules.batchnorm._BatchNorm,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.modules.instancenorm._InstanceNorm,
)
_SENSITIVE = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
_MOST_LISTED = 400


class Model:
    """An outermost module that the script called."""

    def __init__(self, module: nn.Module) -> None:
        self.ref = weakref.ref(module)
        self.name = type(module).__name__
        self.calls = 0
        self.trained = False
        self.compiled = type(module).__name__ == "OptimizedModule"
        self.called: set[int] = set()
        self.was_training = module.training
        self.seen_awake = (
            False  # it trained in train mode before it was known to have parts that the mode changes
        )
        self._depending: list[
            tuple[str, weakref.ref[nn.Module]]
        ] = []  # on the mode, by functions that they call
        self.refresh(module)

    def refresh(self, module: nn.Module) -> None:
        """Read names anew: parts are replaced, lazy ones made."""
        listed = list(module.named_modules())
        self.size = len(listed)
        self.names = {id(child): name for name, child in listed}
        self.listed = [(name, type(child).__name__) for name, child in listed[:_MOST_LISTED]]
        self._sensitive = _sensitive(module)

    def depends_on_mode(self, module: nn.Module) -> None:
        """A part was seen to call a function that acts otherwise in eval mode."""
        if all(ref() is not module for _, ref in self._depending):
            name = self.names.get(id(module)) or type(module).__name__
            self._depending.append((name, weakref.ref(module)))
            self.seen_awake |= self.was_training

    @property
    def sensitive_names(self) -> list[str]:
        """Their names, a hundred at the most."""
        return [name for name, _ in (*self._sensitive, *self._depending)][:100]

    @property
    def sensitive(self) -> list[tuple[str, nn.Module]]:
        """The modules that act otherwise in eval mode, by name."""
        return [
            (name, child)
            for name, ref in (*self._sensitive, *self._depending)
            if (child := ref()) is not None
        ]


def _sensitive(model: nn.Module) -> list[tuple[str, weakref.ref[nn.Module]]]:
    return [(name, weakref.ref(module)) for name, module in model.named_modules() if _depends_on_mode(module)]


def _depends_on_mode(module: nn.Module) -> bool:
    if isinstance(module, _SENSITIVE):
        return getattr(module, "p", 1.0) != 0.0
    between = isinstance(module, nn.RNNBase) and module.num_layers > 1  # where a recurrent layer drops
    return (between or isinstance(module, nn.MultiheadAttention)) and bool(module.dropout)


def first_tensor(value: Any, depth: int = 3) -> Tensor | None:
    """The first tensor in nested arguments or outputs."""
    if isinstance(value, Tensor):
        return value
    if depth and isinstance(value, dict):
        value = list(value.values())
    if depth and isinstance(value, (list, tuple)):
        for item in value[:8]:
            found = first_tensor(item, depth - 1)
            if found is not None:
                return found
    return None


def all_tensors(value: Any, depth: int = 2) -> Iterator[Tensor]:
    """The tensors in nested outputs, of the first 32 entries of each."""
    if isinstance(value, Tensor):
        yield value
    elif depth and isinstance(value, (Mapping, list, tuple)):
        for item in list(value.values() if isinstance(value, Mapping) else value)[:32]:
            yield from all_tensors(item, depth - 1)
    elif depth and hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from all_tensors(getattr(value, name, None), depth - 1)


def normalises_first(module: nn.Module) -> bool:
    """Whether the first layer with parameters or statistics of a model normalises its input."""
    for child in module.modules():
        if isinstance(child, _NORMALISING):
            return True
        if any(True for _ in child.parameters(recurse=False)):
            return False
    return False
