"""Gradient clipping: AutoClip and its relatives, one file each, one interface."""

from surefoot.clipping.autoclip import AutoClip
from surefoot.clipping.base import Clipper, attached
from surefoot.clipping.result import ClipResult

__all__ = ["AutoClip", "ClipResult", "Clipper", "attached"]
