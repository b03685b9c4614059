"""Which code a training file runs beside the files of its own folder and installed packages."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from surefoot.training.entry_point import parts


def foreign_code(names: Iterable[str], folder: Path) -> list[str]:
    """Those of a file's names whose code its folder does not hold and no package manager installed.

    Installed packages are what every training is made of. The standard library is told, because no training needs it
    named in its file and it can start programs and delete files.

    Args:
        names: "package.module:name" or "file.py:name".
        folder: Where the naming file is.

    Raises:
        SettingError: A name has not got this form.

    Example:
        >>> foreign_code(["torch.nn:MSELoss", "subprocess:run"], Path())
        ['subprocess:run (standard library)']
    """
    found = ((name, _origin(parts(name)[0], folder.resolve())) for name in dict.fromkeys(names))
    return [f"{name} ({origin})" for name, origin in found if origin is not None]


def told(file: str, foreign: list[str]) -> str:
    """What is said before such a file runs."""
    return f"{file} runs code from outside of its folder: {', '.join(foreign)}; run only files whose author you trust."


def _origin(source: str, folder: Path) -> str | None:
    """Where the code comes from, if that is worth telling."""
    if source.endswith(".py"):
        path = (folder / source).resolve()
        return None if path.is_relative_to(folder) else str(path)
    package = source.partition(".")[0]
    if package in sys.stdlib_module_names:
        return "standard library"
    try:
        specification = importlib.util.find_spec(
            package
        )  # runs nothing: a top-level name has no parent to import
    except (ImportError, ValueError):
        return None  # said when it is imported
    places = (
        []
        if specification is None
        else [specification.origin, *(specification.submodule_search_locations or ())]
    )
    here = [
        Path(place).resolve()
        for place in places
        if place and place not in ("built-in", "frozen", "namespace")
    ]
    known = (folder, *_installed())
    strange = next((place for place in here if not any(place.is_relative_to(at) for at in known)), None)
    return None if strange is None else str(strange)


def _installed() -> list[Path]:
    """Folders of installed packages, and of surefoot, which may lie elsewhere when it is worked on."""
    names = ("purelib", "platlib")
    return [
        *(Path(sysconfig.get_path(name)).resolve() for name in names),
        Path(__file__).resolve().parents[1],
    ]
