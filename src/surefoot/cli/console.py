"""What Rich renders, with nothing in it that the terminal would obey but Rich's own colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from surefoot.cli.output import printable


class _Console(Console):
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Rich's segments, their text spelled out."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else printable(text), style, control)


def rendered(renderables: Sequence[object], stream: TextIO | None) -> str:
    """Lines as they go to `stream`: with colours and its width where it is a terminal; texts are no markup."""
    if stream is None:
        return ""
    console = _Console(file=stream, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        for renderable in renderables:
            console.print(renderable)
    return captured.get()
