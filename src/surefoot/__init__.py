"""surefoot: gradient descent for PyTorch that says what is wrong.

The public names are loaded on first use: importing surefoot does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surefoot.autograd import backprop, gradcheck
    from surefoot.capture import Observation, watch
    from surefoot.clipping import (
        AdaGC,
        AdaptiveGradientClip,
        AutoClip,
        ClipByNorm,
        ClipByValue,
        Clipper,
        ClipUpdate,
        ZClip,
    )
    from surefoot.comparison import Comparison, compare
    from surefoot.diagnosis import diagnose
    from surefoot.experiment import try_fixes
    from surefoot.export import frame
    from surefoot.figures import animate, draw
    from surefoot.lab import lab
    from surefoot.landscape import landscape
    from surefoot.optimizers import describe, optimizer
    from surefoot.schedules import (
        cosine,
        cosine_restarts,
        epochs,
        inverse_square_root,
        one_cycle,
        scheduler,
        warmup,
        warmup_stable_decay,
    )
    from surefoot.search import sweep
    from surefoot.training import find_lr, fit
    from surefoot.version import __version__ as __version__

_NAMES = {
    "autograd": ("backprop", "gradcheck"),
    "capture": ("Observation", "watch"),
    "clipping": (
        "AdaGC",
        "AdaptiveGradientClip",
        "AutoClip",
        "ClipByNorm",
        "ClipByValue",
        "ClipUpdate",
        "Clipper",
        "ZClip",
    ),
    "comparison": ("Comparison", "compare"),
    "diagnosis": ("diagnose",),
    "experiment": ("try_fixes",),
    "export": ("frame",),
    "figures": ("animate", "draw"),
    "optimizers": ("describe", "optimizer"),
    "schedules": (
        "cosine",
        "cosine_restarts",
        "epochs",
        "inverse_square_root",
        "one_cycle",
        "scheduler",
        "warmup",
        "warmup_stable_decay",
    ),
    "search": ("sweep",),
    "training": ("find_lr", "fit"),
    "version": ("__version__",),
}
_HOMES = {name: f"surefoot.{room}" for room, names in _NAMES.items() for name in names}
# Rooms that are reached as attributes; `lab` and `landscape` can be called, too.
_ROOMS = ("figures", "lab", "landscape", "optimizers", "schedules", "surfaces")

__all__ = [
    "AdaGC",
    "AdaptiveGradientClip",
    "AutoClip",
    "ClipByNorm",
    "ClipByValue",
    "ClipUpdate",
    "Clipper",
    "Comparison",
    "Observation",
    "ZClip",
    "animate",
    "backprop",
    "compare",
    "cosine",
    "cosine_restarts",
    "describe",
    "diagnose",
    "draw",
    "epochs",
    "find_lr",
    "fit",
    "frame",
    "gradcheck",
    "inverse_square_root",
    "lab",
    "landscape",
    "one_cycle",
    "optimizer",
    "scheduler",
    "sweep",
    "try_fixes",
    "warmup",
    "warmup_stable_decay",
    "watch",
]


def __getattr__(name: str) -> Any:
    home = f"surefoot.{name}" if name in _ROOMS else _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'surefoot' has no attribute {name!r}")
    from surefoot.extras import needed_for

    with needed_for(f"surefoot.{name} and all that trains"):
        loaded = import_module(home)
        if name in _ROOMS:
            return loaded
        value = getattr(loaded, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    of_the_module = (name for name in globals() if name.startswith("__"))
    return sorted({*of_the_module, *__all__, *_ROOMS})
