"""Training on one loop that is right: `fit`, its checkpoints, its recipes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.training.fitting import fit
    from surefoot.training.phases import Phase
    from surefoot.training.random_state import epoch_order
    from surefoot.training.rate_finding import find_lr
    from surefoot.training.result import Fit
    from surefoot.training.toml_file import read_toml
    from surefoot.training.training_file import train_file

__all__ = ["Fit", "Phase", "epoch_order", "find_lr", "fit", "read_toml", "train_file"]

_HOMES = {
    "Fit": "result",
    "Phase": "phases",
    "epoch_order": "random_state",
    "find_lr": "rate_finding",
    "fit": "fitting",
    "read_toml": "toml_file",
    "train_file": "training_file",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'surefoot.training' has no attribute {name!r}")
    from surefoot.extras import needed_for

    with needed_for("training files"):
        return getattr(import_module(f"surefoot.training.{_HOMES[name]}"), name)
