"""How surefoot speaks: answers on stdout, everything else on stderr in its own name, never in the script's way.

All that the command line shows passes through here, and so does whatever a recorded run, a file's name or a script's
error puts into it: nothing of that may command the terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from surefoot.cli.printable import printable
from surefoot.errors import OutputError

_ENDED_BY_A_PIPE = 141  # 128 + SIGPIPE, as a shell reports it of other programs


def stderr() -> TextIO | None:
    """The process's own stderr, also where a script has replaced `sys.stderr`; None where it was closed."""
    return sys.__stderr__ if sys.__stderr__ is not None else sys.stderr


def say(sentence: str) -> None:
    """One sentence on stderr, in surefoot's name."""
    write(f"surefoot: {one_line(sentence)}\n")


def one_line(sentence: str) -> str:
    """A sentence that stays one, whatever it quotes."""
    return " ".join(printable(sentence).split())


def write(text: str) -> None:
    """Text on stderr; a closed stderr is nobody's fault."""
    _write_quietly(printable(text))


def draw(text: str) -> None:
    """Text of surefoot's own with its commands to the terminal, on stderr."""
    _write_quietly(text)


def _write_quietly(text: str) -> None:
    try:
        stream = stderr()
        if stream is not None:
            stream.write(text)
            stream.flush()
    except (OSError, ValueError):
        pass


def is_terminal() -> bool:
    """Whether stderr is a terminal."""
    try:
        stream = stderr()
        return stream is not None and stream.isatty()
    except ValueError:
        return False


def show(text: object = "") -> None:
    """An answer on stdout, ending its line.

    Raises:
        OutputError: stdout takes nothing.
        SystemExit: Its reader has gone.
    """
    _put(f"{printable(str(text))}\n")


def show_rich(*renderables: object, on_stderr: bool = False) -> None:
    """What Rich can render, on stdout or stderr; with colours on a terminal. Errors as for `show`."""
    from surefoot.cli.console import rendered  # Rich, where it is needed

    text = rendered(renderables, stderr() if on_stderr else sys.stdout)
    if on_stderr:
        draw(text)
    else:
        _put(text)


def _put(text: str) -> None:
    stream = sys.stdout
    if stream is None:  # it was closed before the start
        return
    try:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        _let_go(stream)
        raise SystemExit(_ENDED_BY_A_PIPE) from None
    except (OSError, ValueError) as error:
        _let_go(stream)
        raise OutputError(
            f"the answer cannot be written: {getattr(error, 'strerror', None) or error}."
        ) from None


def give_up_stdout() -> None:
    """Write what still waits for stdout, or send it nowhere where stdout takes nothing."""
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            _let_go(sys.stdout)


def _let_go(stream: TextIO) -> None:
    """Send what still waits nowhere, else Python would try once more at its end and complain."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


@contextmanager
def any_encoding() -> Iterator[None]:
    """What stdout's encoding lacks is spelled out within; afterwards it is as it was, for the script."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    errors = getattr(sys.stdout, "errors", None)
    if reconfigure is None or errors != "strict":
        yield
        return
    reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        reconfigure(errors=errors)


def write_file(path: str, text: str) -> None:
    """A text file in UTF-8.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        with open(path, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from None
