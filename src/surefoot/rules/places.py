"""Places in the user's code, as capture writes them: "train.py:41: loss.backward()"."""

from __future__ import annotations

import re

_PLACE = re.compile(r"(?P<file>[^\s:][^:\n]*):(?P<line>\d+)(?::|$|\b)")


def place(text: str) -> tuple[str, int] | None:
    """File and line that `text` begins with, None if it begins with none.

    Example:
        >>> place("train.py:41: loss.backward()"), place("conv1.weight")
        (('train.py', 41), None)
    """
    found = _PLACE.match(text)
    return None if found is None else (found["file"], int(found["line"]))
