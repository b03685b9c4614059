"""surefoot: gradient descent for PyTorch that says what is wrong.

The public names are loaded on first use: importing surefoot does not import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from surefoot.capture import Observation, watch
    from surefoot.clipping import AdaptiveGradientClip, AutoClip, ClipByNorm, ClipByValue, Clipper, ZClip
    from surefoot.diagnosis import diagnose

_HOMES = {
    "AdaptiveGradientClip": "surefoot.clipping",
    "AutoClip": "surefoot.clipping",
    "ClipByNorm": "surefoot.clipping",
    "ClipByValue": "surefoot.clipping",
    "Clipper": "surefoot.clipping",
    "Observation": "surefoot.capture",
    "ZClip": "surefoot.clipping",
    "diagnose": "surefoot.diagnosis",
    "watch": "surefoot.capture",
}

__all__ = [
    "AdaptiveGradientClip",
    "AutoClip",
    "ClipByNorm",
    "ClipByValue",
    "Clipper",
    "Observation",
    "ZClip",
    "diagnose",
    "watch",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'surefoot' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
