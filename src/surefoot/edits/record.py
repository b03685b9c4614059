"""What an edit is: a script before and after it, and how that is shown."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a few lines of a script.

    Args:
        what: What it does, in one sentence.
        before: The script as it is.
        source: The script as it would be.

    Example:
        >>> print(Edit("Shuffles the data.", "a\\nb\\n", "a\\nc\\n").diff("train.py"), end="")
        --- train.py
        +++ train.py
        @@ -1,2 +1,2 @@
         a
        -b
        +c
    """

    what: str
    before: str = field(repr=False)
    source: str = field(repr=False)

    def diff(self, name: str = "train.py", context: int = 3) -> str:
        """The change as a unified diff, which `patch` and `git apply` take.

        Args:
            name: What the script is called in its head.
            context: Lines shown around each change.
        """
        old, new = lines(self.before), lines(self.source)
        rows = difflib.unified_diff(old, new, name, name, n=context)
        return "".join(
            row if row.endswith(("\n", "\r")) else f"{row}\n\\ No newline at end of file\n" for row in rows
        )

    @property
    def changed(self) -> tuple[str, ...]:
        """The lines that go, with a minus in front, and those that come, with a plus."""
        return tuple(
            row.rstrip("\r\n")
            for row in difflib.unified_diff(lines(self.before), lines(self.source), n=0)
            if row.startswith(("-", "+")) and not row.startswith(("---", "+++"))
        )


def lines(text: str) -> list[str]:
    """The lines of a script with their ends, as Python counts them (a form feed ends none).

    Example:
        >>> lines("a\\r\\nb\\x0cc\\nd")
        ['a\\r\\n', 'b\\x0cc\\n', 'd']
    """
    return _LINES.findall(text)
