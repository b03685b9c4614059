"""What the user's own frames hold: names and values, read without leaving anything behind in them."""

from __future__ import annotations

import dis
import functools
import gc
import inspect
import sys
from collections.abc import Iterator, Mapping
from types import CodeType, FrameType
from typing import Any

from torch import Tensor

from surefoot.capture.host import host_number

_SNAPSHOTS = sys.version_info < (3, 13)  # f_locals is a dictionary that the frame keeps
_MOST_NUMBERS = 400


def variables(frame: FrameType) -> Mapping[str, Any]:
    """Variables of a frame.

    Before Python 3.13 a function's `f_locals` is a copy that its frame keeps, and with it everything in it, and that
    `locals()` hands out: it is emptied again, and where the function has one already it is left alone.
    """
    if frame.f_locals is frame.f_globals if not _optimized(frame) else False:
        return frame.f_globals
    if not _optimized(frame):
        return dict(frame.f_locals)
    if not _SNAPSHOTS:
        return dict(frame.f_locals)
    if _has_snapshot(frame):
        return {}
    kept = frame.f_locals
    found = dict(kept)
    kept.clear()
    return found


def _optimized(frame: FrameType) -> bool:
    return bool(frame.f_code.co_flags & inspect.CO_OPTIMIZED)


def _has_snapshot(frame: FrameType) -> bool:
    code = frame.f_code
    names = {*code.co_varnames, *code.co_cellvars, *code.co_freevars}
    return any(
        type(held) is dict and held and held is not frame.f_globals and names.issuperset(held)
        for held in gc.get_referents(frame)
    )


def arguments(frame: FrameType) -> tuple[str, ...]:
    """Names of the arguments of a frame's function."""
    code = frame.f_code
    return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]


@functools.cache
def multiplies(code: CodeType) -> bool:
    """Whether a piece of code has a product in it."""
    return any("MULTIPLY" in step.opname or step.argrepr == "*" for step in dis.get_instructions(code))


def numbers(scope: Mapping[str, Any]) -> Iterator[float]:
    """Floats that a scope holds: in variables, at the end of lists, in dictionaries, in attributes of plain objects."""
    left = _MOST_NUMBERS
    for value in list(scope.values()):
        for number in _numbers(value, 2):
            yield number
            left -= 1
            if not left:
                return


def _numbers(value: Any, depth: int) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, Tensor):
        number = host_number(value) if value.numel() == 1 else None
        if number is not None:
            yield number
    elif depth and type(value) in (list, tuple):
        for item in value[-4:]:
            yield from _numbers(item, depth - 1)
    elif depth and type(value) is dict:
        for item in list(value.values())[:32]:
            yield from _numbers(item, depth - 1)
    elif (
        depth and type(value).__module__ not in _OPAQUE and isinstance(getattr(value, "__dict__", None), dict)
    ):
        for item in list(vars(value).values())[:32]:
            yield from _numbers(item, 0)


_OPAQUE = frozenset({"builtins", "torch", "numpy"})
