"""What reaches our code from outside while it runs: the exceptions of the script's signal handlers and trace functions.

Python runs a signal handler between two instructions, wherever the program is just then. What it raises belongs to the
script: nobody in here may take it for a fault of ours, or for an answer of the system's (TimeoutError is an OSError).
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FrameType, TracebackType
from typing import Any

_ARGUMENTS = 0x04 | 0x08  # flags of code that takes *args, **kwargs
_KNOWN = frozenset({*sys.stdlib_module_names, "surefoot", "torch", "numpy"})


def interrupted(error: BaseException) -> bool:
    """Whether an exception was not raised by what our code does, but came to it from outside.

    Args:
        error: As it is caught, with its traceback.

    Returns:
        True where a function that Python hands the interrupted frame to (a signal handler, a trace or profile function)
        raised it, or it was set on this thread by another one and is of a class that nobody in here raises.
    """
    return _by_handler(error.__traceback__) or _set_from_elsewhere(error)


def pass_on(error: BaseException) -> None:
    """Raise an exception again, or the one that it was made from, where it came from outside.

    Args:
        error: As it was caught.

    Raises:
        BaseException: It.
    """
    found: BaseException | None = error
    while found is not None:
        if interrupted(found):
            raise found
        found = found.__cause__


def _by_handler(trace: TracebackType | None) -> bool:
    before: FrameType | None = None
    handlers: set[CodeType] | None = None
    while trace is not None:
        frame = trace.tb_frame
        if before is not None and any(value is before for value in _given(frame)):
            return True
        if handlers is None:
            handlers = set(_handlers())
        if frame.f_code in handlers:
            return True
        before, trace = frame, trace.tb_next
    return False


def _given(frame: FrameType) -> Iterator[Any]:
    """The arguments of a call, those of *args among them."""
    code = frame.f_code
    count = code.co_argcount + code.co_kwonlyargcount
    variables = frame.f_locals
    yield from (variables.get(name) for name in code.co_varnames[:count])
    if code.co_flags & _ARGUMENTS:
        rest = variables.get(code.co_varnames[count])
        yield from rest if isinstance(rest, tuple) else ()


def _handlers() -> Iterator[CodeType]:
    """The code of the signal handlers that are set."""
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        for found in (handler, getattr(handler, "func", None), vars(type(handler)).get("__call__")):
            code = getattr(found, "__code__", None)
            if isinstance(code, CodeType):
                yield code


def _set_from_elsewhere(error: BaseException) -> bool:
    """Whether a class of the script's was raised where none of the script's code ran."""
    if type(error).__module__.partition(".")[0] in _KNOWN:
        return False
    trace = error.__traceback__
    while trace is not None:
        if not _ours(trace.tb_frame.f_code.co_filename):
            return False
        trace = trace.tb_next
    return True


def _ours(filename: str) -> bool:
    """Whether code is surefoot's, PyTorch's, NumPy's or Python's own."""
    return filename.startswith("<") or filename.startswith(_OURS)


def _folders() -> Iterator[str]:
    yield os.path.dirname(os.path.abspath(__file__))
    for name in ("stdlib", "platstdlib"):
        yield sysconfig.get_path(name)
    for name in ("torch", "numpy"):
        for library in ("purelib", "platlib"):
            yield os.path.join(sysconfig.get_path(library), name)


_OURS = tuple(folder + os.sep for folder in _folders())
