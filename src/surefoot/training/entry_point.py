"""Objects named in a file: "package.module:name" or "file.py:name"."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from surefoot.errors import MissingExtra, SettingError, SurefootError
from surefoot.extras import OPTIONAL, sentence
from surefoot.training.faults import described


def load_entry_point(named: str, folder: Path) -> Any:
    """The object of a name.

    Args:
        named: "package.module:name", or "file.py:name" with a path relative to `folder`.
        folder: Where the naming file is.

    Raises:
        SettingError: The module or file is not there, fails, or has no such name.
        MissingExtra: It imports an optional package that is not installed.

    Effects: runs the module; a file's folder is put on the import path, as for a script.
    """
    source, name = parts(named)
    with failing(source):
        found: Any = _file(folder / source) if source.endswith(".py") else importlib.import_module(source)
        for part in name.split("."):
            if not hasattr(found, part):
                near = difflib.get_close_matches(part, dir(found), n=1)
                hint = f"did you mean {near[0]!r}?" if near else "correct the name."
                raise SettingError(f"{source} has no {part!r}: {hint}")
            found = getattr(found, part)
    return found


def parts(named: str) -> tuple[str, str]:
    """(file or module, name in it) of an object's name.

    Raises:
        SettingError: It has not got this form.

    Example:
        >>> parts("torch.nn:MSELoss")
        ('torch.nn', 'MSELoss')
    """
    source, _, name = named.rpartition(":")
    module = source.endswith(".py") or all(part.isidentifier() for part in source.split("."))
    if not module or not all(part.isidentifier() for part in name.split(".")) or "\0" in source:
        raise SettingError(f"{named!r} names nothing: write 'package.module:name' or 'file.py:name'.")
    return source, name


@contextmanager
def failing(source: str) -> Iterator[None]:
    """One sentence of whatever the code of `source` raises inside.

    Raises:
        SettingError: It failed.
        MissingExtra: It imports an optional package that is not installed.
    """
    try:
        yield
    except SurefootError:
        raise
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if error.name == package in OPTIONAL:  # the package itself, not a module that it does not have
            raise MissingExtra(sentence(f"the objects of {source}", package)) from error
        raise SettingError(f"{source!r} cannot be imported ({error}): install or correct it.") from error
    except (Exception, SystemExit) as error:
        raise SettingError(f"{source} failed: {described(error)}.") from error


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
    added = sys.modules.setdefault(name, module) is module
    try:
        specification.loader.exec_module(module)
    except BaseException:
        if added:  # as the import statement does: half a module is not found the next time
            del sys.modules[name]
        raise
    return module
