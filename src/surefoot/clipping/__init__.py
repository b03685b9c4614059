"""Gradient clipping: AutoClip and its relatives, one file each, one interface."""

from surefoot.clipping.adagc import AdaGC
from surefoot.clipping.adaptive import AdaptiveGradientClip
from surefoot.clipping.autoclip import AutoClip
from surefoot.clipping.base import Clipper, attached
from surefoot.clipping.by_norm import ClipByNorm
from surefoot.clipping.by_value import ClipByValue
from surefoot.clipping.result import ClipResult
from surefoot.clipping.update import ClipUpdate
from surefoot.clipping.zclip import ZClip

__all__ = [
    "AdaGC",
    "AdaptiveGradientClip",
    "AutoClip",
    "ClipByNorm",
    "ClipByValue",
    "ClipResult",
    "ClipUpdate",
    "Clipper",
    "ZClip",
    "attached",
]
