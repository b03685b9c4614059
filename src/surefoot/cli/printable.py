"""Text with nothing in it that a terminal would obey."""

from __future__ import annotations

import unicodedata

_LAYOUT = "\n\t"
# Control characters, surrogates, line separators, and what turns the direction of writing around.
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTIONS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def printable(text: str) -> str:
    r"""`text` with everything that a terminal would obey spelled out.

    Example:
        >>> printable("\x1b[31mred\n")
        '\\x1b[31mred\n'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spelled(character) for character in text)


def _spelled(character: str) -> str:
    if character in _LAYOUT:
        return character
    hidden = unicodedata.category(character) in _UNSEEN or unicodedata.bidirectional(character) in _DIRECTIONS
    return ascii(character)[1:-1] if hidden else character
