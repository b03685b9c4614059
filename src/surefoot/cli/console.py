"""What Rich renders, with nothing in it that the terminal would obey but Rich's own colours."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from surefoot.cli.printable import printable

_NARROWEST = 40  # columns; in fewer, tables lose what they say
_ENDLESS = 10_000  # columns of a pipe or file: nothing is wrapped for a reader that is a program


class _Collected(io.StringIO):
    """What is written for `stream`, which Rich may ask what it is, and writes nothing to."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream.isatty()


class _Console(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's segments, their text spelled out."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def width_of(stream: TextIO | None) -> int:
    """Columns of a line on `stream`."""
    if stream is None or (not stream.isatty() and not os.environ.get("COLUMNS")):
        return _ENDLESS
    return max(_NARROWEST, Console(file=stream).width)


def rendered(renderables: Sequence[object], stream: TextIO | None) -> str:
    """Lines as they go to `stream`; texts are no markup.

    A terminal gets colours and lines of its width; anything else whole lines without padding, unless COLUMNS is set.
    """
    if stream is None:
        return ""
    console = _Console(file=_Collected(stream), highlight=False, markup=False, emoji=False)
    console.width = width_of(stream)
    for renderable in renderables:
        console.print(renderable)
    collected: str = console.file.getvalue()  # type: ignore[attr-defined]
    if stream.isatty():
        return collected
    return "".join(f"{line.rstrip()}\n" for line in collected.splitlines())
