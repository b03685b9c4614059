"""What a named optimizer is: its page, its class and its default numbers. Nothing here imports torch."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECTIONS = ("Update", "Numbers", "When to choose it", "Source")


@dataclass(frozen=True)
class NamedOptimizer:
    """One optimizer that surefoot knows by a short name.

    Args:
        name: What users type, for example "adamw".
        target: Dotted name of the class that does the update.
        defaults: Its settings, learning rate included, as the literature has them.
        page: The module's docstring: a title line, then the sections of `SECTIONS`.
    """

    name: str
    target: str
    defaults: Mapping[str, Any]
    page: str

    @property
    def title(self) -> str:
        """First line of the page."""
        return self.text.partition("\n")[0]

    @property
    def text(self) -> str:
        """The page, without indentation."""
        return inspect.cleandoc(self.page)

    def section(self, heading: str) -> str:
        """Body of one section of the page, without indentation.

        Raises:
            KeyError: The page has no such section.
        """
        lines = self.text.splitlines()
        if heading not in SECTIONS or heading not in lines:
            raise KeyError(heading)
        body: list[str] = []
        for line in lines[lines.index(heading) + 1 :]:
            if line and not line.startswith(" "):
                break
            body.append(line)
        return inspect.cleandoc("\n".join(body))
