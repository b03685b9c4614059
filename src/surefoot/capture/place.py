"""Where in the user's own code a call was made: "train.py:41: loss = criterion(model(x), y)"."""

from __future__ import annotations

import linecache
import os
import site as installation
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType, FrameType

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Frames below these folders are libraries', not the user's.
_LIBRARIES = tuple(
    {
        os.path.join(os.path.abspath(folder), "")
        for folder in (
            *installation.getsitepackages(),
            installation.getusersitepackages(),
            sysconfig.get_paths()["stdlib"],
            sysconfig.get_paths()["platstdlib"],
            sysconfig.get_paths()["purelib"],
            sysconfig.get_paths()["platlib"],
        )
    }
)
_LONGEST_TEXT = 160


class Site:
    """One instruction of the user's code; the same object each time, so that it hashes by identity."""

    __slots__ = ("code", "instruction", "text")

    def __init__(self, code: CodeType, instruction: int) -> None:
        self.code = code  # kept alive: its id is the key below
        self.instruction = instruction
        self.text: str | None = None


SITES: dict[tuple[int, int], Site] = {}
IS_LIBRARY: dict[str, bool] = {}


def _library(filename: str) -> bool:
    known = IS_LIBRARY.get(filename)
    if known is None:
        full = os.path.abspath(filename)
        known = filename.startswith("<frozen") or full.startswith(_OWN) or full.startswith(_LIBRARIES)
        IS_LIBRARY[filename] = known
    return known


def caller_site() -> Site | None:
    """The instruction of the innermost frame that is the user's own; cheap enough for each step.

    Returns:
        None where no frame is the user's, for example in a pure library call.
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        known = IS_LIBRARY.get(code.co_filename)
        if known is None:
            known = _library(code.co_filename)
        if not known:
            return site_of(frame)
        frame = frame.f_back
    return None


def users_files() -> list[str]:
    """The files of the user's own code that called anything so far."""
    return list(dict.fromkeys(site.code.co_filename for site in [*SITES.values()]))


def from_users_code() -> bool:
    """Whether a wrapper of ours that asks this was called by the user's own code, not by a library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and os.path.abspath(frame.f_code.co_filename).startswith(_OWN):
        frame = frame.f_back
    return frame is not None and not _library(frame.f_code.co_filename)


def caller_frames(most: int) -> Iterator[FrameType]:
    """The frames of the user's own code that led here, the innermost first."""
    frame = caller_frame()
    while frame is not None and most:
        if not _library(frame.f_code.co_filename):
            yield frame
            most -= 1
        frame = frame.f_back


def site_of(frame: FrameType) -> Site:
    """The instruction that a frame is at."""
    key = (id(frame.f_code), frame.f_lasti)
    site = SITES.get(key)
    if site is None:
        site = SITES[key] = Site(frame.f_code, frame.f_lasti)
    return site


def caller_frame() -> FrameType | None:
    """The innermost frame that is the user's own, or None."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def text_of(place: Site | None) -> str | None:
    """The place in words: file relative to the working directory, line number and the line itself."""
    if place is None:
        return None
    if place.text is None:
        place.text = describe(place.code.co_filename, _line_number(place.code, place.instruction))
    return place.text


def _line_number(code: CodeType, instruction: int) -> int:
    for start, end, line in code.co_lines():
        if start <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


def describe(filename: str, line: int) -> str:
    """A line in words: file relative to the working directory, number, text."""
    shown = filename
    if os.path.isabs(filename):
        relative = os.path.relpath(filename)
        shown = filename if relative.startswith("..") else relative
    text = linecache.getline(filename, line).strip()[:_LONGEST_TEXT]
    return f"{shown}:{line}: {text}" if text else f"{shown}:{line}"
