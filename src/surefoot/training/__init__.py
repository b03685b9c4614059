"""Training on one loop that is right: `fit`, its checkpoints, its recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.training.fitting import fit
    from surefoot.training.random_state import epoch_order
    from surefoot.training.result import Fit

__all__ = ["Fit", "epoch_order", "fit"]

_HOMES = {"fit": "fitting", "Fit": "result", "epoch_order": "random_state"}


def __getattr__(name: str) -> Any:
    import importlib

    if name in _HOMES:
        return getattr(importlib.import_module(f"surefoot.training.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'surefoot.training' has no attribute {name!r}")
