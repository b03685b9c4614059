"""Models and criteria that return their loss: where in their output it is."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

Path = tuple[Any, ...]  # keys, positions and attributes that lead to a tensor
_MOST_SCALE = 8  # operations between a loss and what backward starts from: a division, a scaler's product


class Returns:
    """Learns from training which entry of a module's output backward starts from."""

    def __init__(self) -> None:
        self._paths: weakref.WeakKeyDictionary[nn.Module, Path | None] = weakref.WeakKeyDictionary()
        self.waiting: list[tuple[weakref.ref[nn.Module], Path, int]] = []

    def knows(self, module: nn.Module) -> bool:
        """Whether it is known if the module returns its loss."""
        return module in self._paths

    def training(self, module: nn.Module, output: Any) -> None:
        """A module has returned in training."""
        for path, tensor in _scalars(output, (), 2):
            if tensor.grad_fn is not None:
                self.waiting.append((weakref.ref(module), path, tensor.grad_fn._sequence_nr()))
        del self.waiting[:-64]

    def backward(self, root: Tensor) -> None:
        """A backward begins."""
        waiting, self.waiting = self.waiting, []
        for reference, path, number in waiting:
            module = reference()
            if module is not None and starts_from(root, number):
                self._paths[module] = path
        for reference, _, _ in waiting:
            if (module := reference()) is not None:
                self._paths.setdefault(module, None)

    def loss(self, module: nn.Module, output: Any) -> Tensor | None:
        """The loss in a module's output."""
        path = self._paths.get(module)
        if path is None:
            return None
        return next((tensor for found, tensor in _scalars(output, (), 2) if found == path), None)


def starts_from(root: Tensor, number: int) -> bool:
    """Whether a root is the result of the operation with this sequence number, or a multiple of it."""
    node = root.grad_fn
    for _ in range(_MOST_SCALE):
        if node is None:
            return False
        if node._sequence_nr() == number:
            return True
        inner = [child for child, _ in node.next_functions if child is not None]
        if len(inner) != 1:
            return False
        node = inner[0]
    return False


def _scalars(output: Any, path: Path, depth: int) -> Iterator[tuple[Path, Tensor]]:
    if isinstance(output, Tensor):
        if output.numel() == 1 and output.is_floating_point():
            yield path, output
    elif depth and isinstance(output, Mapping):
        for key, value in list(output.items())[:32]:
            yield from _scalars(value, (*path, key), depth - 1)
    elif depth and isinstance(output, (tuple, list)):
        for position, value in enumerate(output[:32]):
            yield from _scalars(value, (*path, position), depth - 1)
    elif depth and hasattr(output, "__dataclass_fields__"):
        for name in output.__dataclass_fields__:
            yield from _scalars(getattr(output, name, None), (*path, name), depth - 1)
