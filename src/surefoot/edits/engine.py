"""Which edit answers to which finding, and the one call that makes it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from surefoot.edits.record import Edit
from surefoot.extras import require

if TYPE_CHECKING:
    from surefoot.edits.kinds import Maker


def edit(source: str, code: str, line: int | None = None, **details: Any) -> Edit | None:
    """The smallest edit of a script for a finding, or None where its place is not certain.

    Args:
        source: The script's text.
        code: A finding's code ("missing-zero-grad") or the name of an edit ("rate").
        line: The line that the finding names; None where it names none.
        details: What the edit needs beside that, for example `value` of a rate; what it does not know is left out.

    Returns:
        The edit; None where there is none for this code, and where it would be a guess.

    Raises:
        MissingExtra: LibCST is not installed.

    Example:
        >>> loop = "for x in data:\\n    f(x).backward()\\n    opt.step()\\n"
        >>> print(*edit(loop, "missing-zero-grad", line=3).changed)
        +    opt.zero_grad()
    """
    require("edits", ["libcst"])
    from surefoot.edits.kinds import Place
    from surefoot.edits.script import Unsure, parsed

    for make in _makers().get(code, ()):
        try:
            place = Place(parsed(source), code, line, details)
            what = make(place)
            made = place.changes.made()
        except Unsure:
            continue
        if made != source:
            return Edit(what, source, made)
    return None


def codes() -> Sequence[str]:
    """The findings' codes and names of edits that `edit` knows."""
    require("edits", ["libcst"])
    return sorted(_makers())


@cache
def _makers() -> dict[str, list[Callable[[Any], str]]]:
    """Every kind of edit by the codes that it answers to, in the order of their files."""
    from surefoot.edits import kinds

    found: dict[str, list[Maker]] = {}
    for file in sorted(Path(kinds.__file__).parent.glob("[!_]*.py")):
        module = importlib.import_module(f"{kinds.__name__}.{file.stem}")
        for made in vars(module).values():
            for code in getattr(made, "answers", ()):
                if made.__module__ == module.__name__:
                    found.setdefault(code, []).append(made)
    return found
