"""`checkpoints.json`: which checkpoint is the last, the best, the last good one, and which folders are ours.

    {"last": "step-00000120", "best": "step-00000080", "good": "step-00000120", "format": 2, "id": "6f…",
     "checkpoints": {"step-00000120": "9c…", "step-00000080": "41…"}, "sha256": "d0…"}

"checkpoints" holds every folder that `fit` has written here, with the SHA-256 of its own list of sums: nothing else
is ever deleted. "id" is drawn once for the folder and is part of the names of unfinished files.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from surefoot.errors import CheckpointError

FORMAT = 2
INDEX = "checkpoints.json"
MARKS = ("last", "best", "good")
_NAME = re.compile(r"step-[0-9]{8,}(-[0-9]+)?")


@dataclass(frozen=True)
class Index:
    """What `checkpoints.json` says.

    Args:
        marks: "last", "best" or "good" -> name of a checkpoint.
        written: Name -> SHA-256 of its list of sums.
        identity: The folder's own random number.
    """

    marks: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    identity: str = field(default_factory=lambda: secrets.token_hex(16))

    def with_written(self, name: str, digest: str) -> Index:
        """The same, with one folder more."""
        return replace(self, written={**self.written, name: digest})

    def marked(self, marks: dict[str, str], kept: set[str]) -> Index:
        """The same with marks moved; of the folders without a mark, only those in `kept`."""
        moved = {**self.marks, **marks}
        named = {*moved.values(), *kept}
        return replace(
            self, marks=moved, written={name: sum_ for name, sum_ in self.written.items() if name in named}
        )

    def unmarked(self) -> dict[str, str]:
        """Folders that may go."""
        return {name: digest for name, digest in self.written.items() if name not in self.marks.values()}

    def text(self) -> str:
        """As the file holds it."""
        content = {
            **self.marks,
            "format": FORMAT,
            "id": self.identity,
            "checkpoints": self.written,
        }
        return json.dumps({**content, "sha256": _digest(content)}, indent=1)


def load_index(folder: Path) -> Index | None:
    """The index of a folder; None where there is none.

    Raises:
        CheckpointError: It cannot be read, or names what cannot be a checkpoint of this folder.
    """
    path = folder / INDEX
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        return _parsed(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def is_checkpoint_name(name: str) -> bool:
    """Whether `fit` could have given a folder this name.

    Example:
        >>> is_checkpoint_name("step-00000120"), is_checkpoint_name("checkpoint-step-500")
        (True, False)
    """
    return _NAME.fullmatch(name) is not None


def _parsed(data: Any) -> Index:
    if not isinstance(data, dict):
        raise ValueError("it holds no table")
    content = dict(data)
    if content.keys() <= set(MARKS):
        raise ValueError("an older surefoot wrote it, whose checkpoints carry no checksums")
    digest = content.pop("sha256", None)
    form = content.get("format")
    if isinstance(form, int) and form > FORMAT:
        raise ValueError("a newer surefoot wrote it")
    if digest != _digest(content):
        raise ValueError("it does not match its own SHA-256")
    marks = {key: value for key, value in content.items() if key not in ("format", "id", "checkpoints")}
    written, identity = content.get("checkpoints"), content.get("id")
    if not isinstance(written, dict) or not isinstance(identity, str) or not identity.isalnum():
        raise ValueError("it lacks its list of checkpoints")
    _check_names(written)
    for mark, name in marks.items():
        if mark not in MARKS or name not in written:
            raise ValueError(f"{mark!r} marks no checkpoint of it")
    return Index(marks, written, identity)


def _check_names(names: Any) -> None:
    for name in names:
        if not isinstance(name, str) or not is_checkpoint_name(name):
            raise ValueError(f"{name!r} is no checkpoint of this folder")


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _unreadable(path: Path, why: str) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read ({why}): restore it, or move it away and pass resume= with the path of a checkpoint "
        "beside it, or name another folder to begin anew."
    )
