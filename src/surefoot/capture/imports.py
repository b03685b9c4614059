"""Something to be done right after a module is imported for the first time.

Observation begins when the script imports torch, not before: a script may set the number of threads, the
visible devices or the memory allocator first, and torch reads these at import.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType


class _Loader(importlib.abc.Loader):
    """The module's own loader, with something to do after it."""

    def __init__(self, inner: importlib.abc.Loader, after: Callable[[], None]) -> None:
        self._inner = inner
        self._after = after

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # The module must look as if nothing had been between: its own loader and spec.
        module.__loader__ = self._inner
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        self._inner.exec_module(module)
        self._after()


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, after: Callable[[], None]) -> None:
        self._name = name
        self._after = after

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._after)
        return spec


def after_import(name: str, action: Callable[[], None]) -> Callable[[], None]:
    """Do `action` right after module `name` is first imported; at once if it is already.

    Returns:
        A function that gives the wait up.
    """
    if name in sys.modules:
        action()
        return lambda: None
    finder = _Finder(name, action)
    sys.meta_path.insert(0, finder)

    def give_up() -> None:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)

    return give_up
