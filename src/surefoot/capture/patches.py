"""Attributes replaced for the time of an observation, and put back after it.

Used only where PyTorch has no hook: the call of `backward`, of a loss function, of a scheduler. A wrapper that somebody
else wrapped in turn cannot be taken out; it then passes every call straight through.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

# `warnings.warn(…, stacklevel=2)` in a wrapped function means its caller, not our wrapper. Python leaves
# frames of its import machinery out of that count, and knows them by these two words in the file's name.
UNCOUNTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "importlib_bootstrap")


class Patch:
    """One replaced attribute.

    Args:
        owners: Modules or classes that have the attribute, the same object in each: they keep that in common, or it
            could not be pickled any more.
        name: The attribute.
        make: Takes the original and returns its replacement.
    """

    def __init__(self, owners: Sequence[Any], name: str, make: Callable[[Any], Any]) -> None:
        self.name = name
        # A class attribute is read from its own dictionary: an inherited one is not ours to replace.
        self.original = vars(owners[0])[name]
        self.owners = [owner for owner in owners if vars(owner).get(name) is self.original]
        made = make(self.original)
        made.__code__ = made.__code__.replace(co_filename=UNCOUNTED)
        if not hasattr(self.original, "__wrapped__"):
            made.__signature__ = inspect.signature(self.original)  # for those who do not ask `__wrapped__`
        self.replacement = functools.wraps(self.original)(made)
        for owner in self.owners:
            setattr(owner, name, self.replacement)
        _standing.append(self)

    def undo(self) -> None:
        """Put the original back, unless somebody else has replaced ours since."""
        _standing.remove(self)
        for owner in self.owners:
            if vars(owner).get(self.name) is self.replacement:
                setattr(owner, self.name, self.original)
        for later in _standing:  # another observation's, which will then put back what was there before both
            if later.original is self.replacement:
                later.original = self.original


_standing: list[Patch] = []
_changing = threading.RLock()  # observations begin and end in several threads


class Patches:
    """A stack of patches, undone last first."""

    def __init__(self) -> None:
        self._stack: list[Patch] = []

    def add(self, owner: Any, name: str, make: Callable[[Any], Any], *also: Any) -> None:
        """Replace `owner.name`, and in `also` where it is the same object; nothing happens where it does not exist."""
        with _changing:
            if name in vars(owner):
                self._stack.append(Patch((owner, *also), name, make))

    def undo(self) -> None:
        """Undo all, last first."""
        with _changing:
            while self._stack:
                self._stack.pop().undo()
