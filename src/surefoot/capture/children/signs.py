"""The first sign that a process trains: an optimizer is made, or a backward begins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from surefoot.capture.patches import Patches


class FirstSign:
    """Waits for it; loaders' workers and compilers import torch and never give one.

    Args:
        then: Called once, before the sign itself goes on.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._patches = Patches()
        self.waits = False

    def wait(self) -> None:
        """Begin; torch is imported."""
        import torch
        from torch.optim.optimizer import Optimizer

        self.waits = True
        for owner, name in (
            (Optimizer, "__init__"),
            (torch.Tensor, "backward"),
            (torch.autograd, "backward"),
            (torch.autograd, "grad"),
        ):
            self._patches.add(owner, name, partial(self._sign, owner, name))

    def _sign(self, owner: Any, name: str, original: Any) -> Any:
        def first(*args: Any, **kwargs: Any) -> Any:
            if not self.waits:
                return original(*args, **kwargs)
            self.waits = False
            self._patches.undo()
            ours = vars(owner)[name] is original  # else somebody's wrapper, which has called this one
            self._then()
            return (vars(owner)[name] if ours else original)(*args, **kwargs)

        return first
