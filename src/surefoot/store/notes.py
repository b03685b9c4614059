"""What a person says of a run: tags and a note, in a file beside it, so that a run under way can be given them too."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from surefoot.errors import SettingError
from surefoot.store.connection import plain_errors

NOTES = "notes.json"
_LONGEST_NOTE = 10_000  # characters
_LONGEST_TAG = 40
_MOST_TAGS = 20
_LARGEST = 1 << 20  # bytes: what is longer was written by nobody here


@dataclass(frozen=True, slots=True)
class Notes:
    """What a person says of a run.

    Args:
        tags: Words to find it by.
        text: Anything.
    """

    tags: tuple[str, ...] = ()
    text: str = ""


def notes_of(tags: Sequence[object], text: object) -> Notes:
    """Notes as a person gives them.

    Raises:
        SettingError: They are no text, or too long.

    Example:
        >>> notes_of([" baseline", "", "baseline"], "warmup was off ")
        Notes(tags=('baseline',), text='warmup was off')
    """
    if not isinstance(text, str) or not all(isinstance(tag, str) for tag in tags):
        raise SettingError("tags and a note are text.")
    kept = tuple(dict.fromkeys(word for tag in tags if (word := " ".join(str(tag).split()))))
    if len(kept) > _MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in kept):
        raise SettingError(f"a run takes up to {_MOST_TAGS} tags of {_LONGEST_TAG} letters.")
    if len(text) > _LONGEST_NOTE:
        raise SettingError(f"a note has up to {_LONGEST_NOTE} letters.")
    return Notes(kept, text.strip())


def read_notes(run: Path) -> Notes:
    """The notes of a run's folder; none where there is no file, or one that cannot be read."""
    try:
        path = run / NOTES
        if path.stat().st_size > _LARGEST:
            return Notes()
        kept = json.loads(path.read_text(encoding="utf-8"))
        return notes_of(list(kept["tags"]), kept["text"])
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return Notes()


def write_notes(run: Path, notes: Notes) -> None:
    """Keep notes in a run's folder: whole, or not at all.

    Raises:
        StoreError: They cannot be written.
    """
    path = run / NOTES
    part = path.with_suffix(f".{os.getpid()}.part")
    with plain_errors(path, "written"):
        part.write_text(json.dumps(asdict(notes)), encoding="utf-8")
        part.replace(path)
