"""Docstrings as mkdocstrings reads them: it knows a section by the plural."""

from __future__ import annotations

import re
from typing import Any

import griffe


class Plural(griffe.Extension):
    """Turns `Example:` into `Examples:`, whose lines are then shown as a session."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called for each object that was read."""
        if obj.docstring is not None:
            obj.docstring.value = re.sub(
                r"^( *)Example:$", r"\1Examples:", obj.docstring.value, flags=re.MULTILINE
            )
