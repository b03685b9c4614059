"""Several edits of one script, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from surefoot.edits.engine import edit
from surefoot.edits.record import Edit, lines


@dataclass(frozen=True, slots=True)
class Wanted:
    """An edit that is asked for.

    Args:
        code: A finding's code, or the name of an edit or a remedy.
        line: Its line in the script as it is; None: it names none.
        details: What else is known.
    """

    code: str
    line: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


def edit_all(source: str, wanted: Iterable[Wanted]) -> tuple[Edit | None, list[Wanted]]:
    """One edit that does what several do.

    Args:
        source: The script's text.
        wanted: The edits, in the order in which they are made.

    Returns:
        The edit, None where none is certain; and what there is no edit for.

    Raises:
        MissingExtra: LibCST is not installed.

    Example:
        >>> loop = "opt = Adam(p, lr=0.5)\\nfor x in data:\\n    f(x).backward()\\n    opt.step()\\n"
        >>> wanted = [Wanted("missing-zero-grad", 4), Wanted("rate", 1, {"factor": 0.1}), Wanted("plateau")]
        >>> made, left = edit_all(loop, wanted)
        >>> print(*made.changed, sep="\\n")
        -opt = Adam(p, lr=0.5)
        +opt = Adam(p, lr=0.05)
        +    opt.zero_grad()
        >>> left
        [Wanted(code='plateau', line=None, details={})]
    """
    text, said, left = source, list[str](), list[Wanted]()
    for each in wanted:
        line = None if each.line is None else moved(source, text, each.line)
        lost = each.line is not None and line is None
        made = None if lost else edit(text, each.code, line, **each.details)
        if made is None:
            left.append(each)
        else:
            text, said = made.source, [*said, made.what]
    return (Edit(" ".join(said), source, text) if said else None), left


def moved(before: str, after: str, line: int) -> int | None:
    """Where a line of a script is after edits of it; None where it is gone.

    Example:
        >>> moved("a\\nb\\n", "a\\nnew\\nb\\n", 2), moved("a\\nb\\n", "a\\n", 2)
        (3, None)
    """
    old, new = lines(before), lines(after)
    for what, first, last, begin, end in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if first < line <= last and (what == "equal" or (what == "replace" and last - first == end - begin)):
            return line - first + begin
    return None
