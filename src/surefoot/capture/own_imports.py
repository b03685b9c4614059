"""Imports of our own beside somebody's script: a file html.py or queue.py of theirs stands in for nothing of ours.

The script's folder comes first on `sys.path`, and the script must find its files there as under Python. So neither that
path nor what the script has imported changes; what we import is looked for where it was before the script began.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType


class _Here(threading.local):
    """Whether what this thread imports is ours."""

    ours = False


class OwnImports(importlib.abc.MetaPathFinder):
    """Finds what we import, in the threads that ask for it.

    Args:
        folder: The script's, whose files are not ours.
        path: Where ours are.
        loaded: Names of modules that a script finds loaded under Python, too.

    Effects: what we have imported so far under names that the script has files for goes out of the script's sight.
    """

    def __init__(self, folder: str, path: Sequence[str], loaded: Collection[str]) -> None:
        self._folder = os.path.realpath(folder)
        # Where the script lies among installed modules, nothing of it stands in for anything.
        self._path = [entry for entry in path if os.path.realpath(entry) != self._folder]
        self._apart = len(self._path) == len(path)
        self._here = _Here()
        self._kept: dict[str, ModuleType] = {}  # ours, under names that the script has files for
        self._changing = threading.RLock()
        if self._apart:
            self._show({}, set(loaded))

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Where a module of ours is."""
        if path is not None or not self._here.ours:
            return None
        return importlib.machinery.PathFinder.find_spec(fullname, self._path, target)

    @contextmanager
    def use(self) -> Iterator[None]:
        """What this thread imports meanwhile is ours."""
        if self._here.ours or not self._apart:
            yield
            return
        with self._changing:
            theirs = self._hide()
            before = set(sys.modules) - set(self._kept)
            self._here.ours = True
            try:
                yield
            finally:
                self._here.ours = False
                self._show(theirs, before)

    def _hide(self) -> dict[str, ModuleType]:
        """Take out what stands in for modules of ours, and put those that were found before in its place."""
        tops = {name for name in list(sys.modules) if "." not in name and self._theirs(name)}
        tops = {name for name in tops if self._found(name, self._path)}
        theirs = {
            name: module for name, module in list(sys.modules.items()) if name.partition(".")[0] in tops
        }
        for name in theirs:
            del sys.modules[name]
        sys.modules.update(self._kept)
        return theirs

    def _show(self, theirs: dict[str, ModuleType], before: set[str]) -> None:
        """Let the script see its own again: ours under the same names go out of its sight."""
        new = set(sys.modules) - before
        tops = {
            name
            for name in {name.partition(".")[0] for name in new}
            if self._has(name) and not self._theirs(name)
        }
        for name in new:
            if name.partition(".")[0] in tops:
                self._kept[name] = sys.modules.pop(name)
        sys.modules.update(theirs)

    def _theirs(self, name: str) -> bool:
        """Whether the module that is loaded under a name lies in the script's folder."""
        origin = getattr(getattr(sys.modules.get(name), "__spec__", None), "origin", None)
        if not isinstance(origin, str) or name == "__main__":
            return False
        folder, file = os.path.split(origin)
        folder = os.path.dirname(folder) if file.startswith("__init__.") else folder
        try:
            return os.path.realpath(folder) == self._folder
        except OSError:  # a relative path, and the working folder is gone
            return False

    def _has(self, name: str) -> bool:
        """Whether the script's folder has a module of that name."""
        return name != "surefoot" and self._found(name, [self._folder])

    def _found(self, name: str, path: list[str]) -> bool:
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        return spec is not None and spec.loader is not None


_current: OwnImports | None = None


def begin(folder: str, path: Sequence[str], loaded: Collection[str]) -> None:
    """From now on imports within `own_imports` are ours.

    Args:
        folder: The script's.
        path: `sys.path` without it.
        loaded: Names of the modules that Python itself had loaded.

    Effects: puts a finder before all others, which finds nothing outside of `own_imports`.
    """
    global _current
    _current = OwnImports(folder, path, loaded)
    sys.meta_path.insert(0, _current)


@contextmanager
def own_imports() -> Iterator[None]:
    """What this thread imports meanwhile is ours, where a script runs; elsewhere nothing happens."""
    if _current is None:
        yield
        return
    with _current.use():
        yield
