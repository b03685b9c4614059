"""Loop styles: a Program to the text of a script, in one of the ways that people write the same training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from forge.loops import libraries, own, players
from forge.loops.parts import Unsayable
from forge.program import Program

Style = Callable[[Program], str]
STYLES: Mapping[str, Style] = {**own.STYLES, **libraries.STYLES, **players.STYLES}


def script(program: Program, style: str) -> str | None:
    """The script's text, or None where the style cannot say this program."""
    if (program.kind in players.KINDS) != (style in players.STYLES):
        return None
    try:
        return STYLES[style](program)
    except Unsayable:
        return None
