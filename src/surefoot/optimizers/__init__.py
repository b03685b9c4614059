"""Optimizers by name, with the defaults of the literature, their pages, and parameter groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from surefoot.optimizers.batch_size import scale_lr
from surefoot.optimizers.catalogue import names, page

if TYPE_CHECKING:
    from surefoot.optimizers.build import optimizer
    from surefoot.optimizers.group_table import describe, description

__all__ = ["describe", "description", "names", "optimizer", "page", "scale_lr"]

_LATER = {"optimizer": "build", "describe": "group_table", "description": "group_table"}


def __getattr__(name: str) -> Any:
    # Names and pages are read without torch; the rest loads it on first use.
    if name in _LATER:
        import importlib

        return getattr(importlib.import_module(f"surefoot.optimizers.{_LATER[name]}"), name)
    raise AttributeError(f"module 'surefoot.optimizers' has no attribute {name!r}")
