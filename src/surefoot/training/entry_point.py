"""Objects named in a file: "package.module:name" or "file.py:name"."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from surefoot.errors import SettingError


def load_entry_point(named: str, folder: Path) -> Any:
    """The object of a name.

    Args:
        named: "package.module:name", or "file.py:name" with a path relative to `folder`.
        folder: Where the naming file is.

    Raises:
        SettingError: The module or file is not there, or has no such name.

    Effects: runs the module; a file's folder is put on the import path, as for a script.
    """
    source, _, name = named.partition(":")
    if not source or not name:
        raise SettingError(f"{named!r} names nothing: write 'package.module:name' or 'file.py:name'.")
    module = _file(folder / source) if source.endswith(".py") else _module(source)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1)
            hint = f"did you mean {near[0]!r}?" if near else "correct the name."
            raise SettingError(f"{source} has no {part!r}: {hint}")
        found = getattr(found, part)
    return found


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise SettingError(
            f"The module {name!r} cannot be imported ({error}): install or correct it."
        ) from error


def _file(path: Path) -> ModuleType:
    path = path.resolve()
    if not path.is_file():
        raise SettingError(f"There is no file {path}: correct the name.")
    name = path.stem
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path):
        return loaded
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    # Worker processes and pickles look classes up by the module's name.
    sys.modules.setdefault(name, module)
    specification.loader.exec_module(module)
    return module
