"""The user's script as lines of highlighted, escaped HTML; those that findings point at are marked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a script.

    Args:
        number: From 1.
        markup: The line's text as HTML, escaped, with Pygments' short class names.
        codes: Findings that point at it.
    """

    number: int
    markup: Markup
    codes: tuple[str, ...]


def marked_source(text: str, codes: Mapping[int, Sequence[str]]) -> list[Line]:
    """Lines of `text`; `codes` gives the findings of each line number.

    Example:
        >>> line = marked_source("x = '<b>'", {1: ["lr-too-high"]})[0]
        >>> "&lt;b&gt;" in line.markup, line.codes
        (True, ('lr-too-high',))
    """
    lexer = PythonLexer(stripnl=False, ensurenl=True)
    formatter = HtmlFormatter(nowrap=True)
    shown = highlight(text, lexer, formatter).removesuffix("\n").split("\n")
    return [
        Line(number, Markup(markup), tuple(codes.get(number, ())))
        for number, markup in enumerate(shown, start=1)
    ]
