"""Which files a script writes, as Python's own events tell; the script sees nothing of it."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MOST = 100
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PLACES = {
    "os.rename": 1, "os.remove": 0, "os.rmdir": 0, "os.mkdir": 0, "shutil.copyfile": 1, "shutil.move": 1,
    "sqlite3.connect": 0, "os.truncate": 0, "os.link": 1, "os.symlink": 1,
}  # fmt: skip


def note_files(into: Path, ours: Path) -> None:
    """Note every file and folder that is written from now on, for the rest of the process.

    Args:
        into: Gets their paths, one a line.
        ours: Folder of surefoot's own files, which do not count.

    Effects: adds an audit hook, and lets `torch.save` tell, whose files are written past Python.
    """
    apart = [os.path.realpath(each) for each in (ours, tempfile.gettempdir(), "/dev", "/proc")]
    cache, seen = f"{os.sep}__pycache__", set[str]()
    here = os.path.realpath(os.getcwd())

    def note(path: Any) -> None:
        if not isinstance(path, (str, bytes, os.PathLike)) or len(seen) >= _MOST:
            return
        named = os.fsdecode(path)
        if named.startswith((":memory:", "<")):
            return
        whole = os.path.realpath(named.removeprefix("file:").partition("?")[0])
        inside = whole.startswith(here + os.sep)
        if (
            whole in seen
            or cache in whole
            or any(whole.startswith(each) and not (inside and here.startswith(each)) for each in apart)
        ):
            return
        seen.add(whole)
        with open(into, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{whole}\n")

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and len(args) == 3:
            mode, flags = args[1], args[2]
            if any(c in "wax+" for c in mode or "") or (mode is None and (flags or 0) & _WRITING):
                note(args[0])
        elif event in _PLACES and len(args) > _PLACES[event]:
            note(args[_PLACES[event]])

    _tell_of_saving(note)
    sys.addaudithook(audit)


def _tell_of_saving(note: Callable[[Any], None]) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is None:
        return
    save = torch.save

    @functools.wraps(save)
    def saved(obj: Any, f: Any, *args: Any, **kwargs: Any) -> Any:
        note(f)
        return save(obj, f, *args, **kwargs)

    torch.save = torch.serialization.save = saved
