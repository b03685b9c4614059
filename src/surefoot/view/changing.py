"""What a page may change: names, tags, notes; taking a run away and putting it back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from surefoot.errors import SettingError
from surefoot.store.notes import notes_of, write_notes
from surefoot.store.removal import put_back, rename_run, take_away
from surefoot.view.folder import Folder


def change(folder: Folder, what: str, asked: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Change what was asked for.

    Args:
        folder: What lies within reach.
        what: "rename", "note", "delete" or "restore".
        asked: "run", its name, and "name" (rename), "tags" and "note" (note), "removed" (restore).

    Returns:
        What to answer, and the names of the runs that are other now.

    Raises:
        SettingError: It cannot be done so.
        StoreError: There is no such run, or it cannot be written.
    """
    name = _text(asked, "run")
    if what == "restore":
        put_back(folder.path, _text(asked, "removed"), name)
        return {"run": name}, [name]
    run = folder.run(name)
    if what == "note":
        tags = asked.get("tags", [])
        if not isinstance(tags, list):
            raise SettingError("tags are a list.")
        write_notes(run, notes_of(tags, asked.get("note", "")))
        return {"run": name}, [name]
    if "/" in name:
        raise SettingError("a sweep's own runs keep their names: the sweep goes on by them.")
    if what == "rename":
        renamed = rename_run(run, _text(asked, "name")).name
        return {"run": renamed}, [name, renamed]
    return {"run": name, "removed": take_away(run)}, [name]


def _text(asked: Mapping[str, Any], key: str) -> str:
    found = asked.get(key)
    if not isinstance(found, str):
        raise SettingError(f"{key} has to be text.")
    return found
