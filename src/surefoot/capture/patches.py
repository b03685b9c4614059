"""Attributes replaced for the time of an observation, and put back after it.

Used only where PyTorch has no hook: the call of `backward`, of a loss function, of a scheduler. A wrapper that somebody
else wrapped in turn cannot be taken out; it then passes every call straight through.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

# `warnings.warn(…, stacklevel=2)` in a wrapped function means its caller, not our wrapper. Python leaves
# frames of its import machinery out of that count, and knows them by these two words in the file's name.
UNCOUNTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "importlib_bootstrap")


class Patch:
    """One replaced attribute.

    Args:
        owner: Module or class that has the attribute.
        name: The attribute.
        make: Takes the original and returns its replacement.
    """

    def __init__(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        self.owner = owner
        self.name = name
        # A class attribute is read from its own dictionary: an inherited one is not ours to replace.
        self.original = vars(owner)[name]
        made = make(self.original)
        made.__code__ = made.__code__.replace(co_filename=UNCOUNTED)
        self.replacement = functools.wraps(self.original)(made)
        setattr(owner, name, self.replacement)
        _standing.append(self)

    def undo(self) -> None:
        """Put the original back, unless somebody else has replaced ours since."""
        _standing.remove(self)
        if vars(self.owner).get(self.name) is self.replacement:
            setattr(self.owner, self.name, self.original)
            return
        for later in _standing:  # another observation's, which will then put back what was there before both
            if later.original is self.replacement:
                later.original = self.original


_standing: list[Patch] = []


class Patches:
    """A stack of patches, undone last first."""

    def __init__(self) -> None:
        self._stack: list[Patch] = []

    def add(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace `owner.name`; nothing happens where it does not exist."""
        if name in vars(owner):
            self._stack.append(Patch(owner, name, make))

    def undo(self) -> None:
        """Undo all, last first."""
        while self._stack:
            self._stack.pop().undo()
