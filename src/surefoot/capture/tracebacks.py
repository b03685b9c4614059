"""A script's traceback as Python would have shown it: no frames of ours, no detours through hooks of ours."""

from __future__ import annotations

import dis
import os
from types import CodeType, FrameType, TracebackType

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_MODULE_CALL = os.path.join("torch", "nn", "modules", "module.py")
_PLAIN_CALL = "return forward_call(*args, **kwargs)"

Entry = tuple[FrameType, int, int]


def clean(error: BaseException) -> None:
    """Take surefoot's frames out of an exception's traceback, and out of those it was raised from.

    Args:
        error: Its `__traceback__` is replaced, its causes' and contexts' too.
    """
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = _cleaned(current.__traceback__)
        waiting += [current.__cause__, current.__context__, *getattr(current, "exceptions", ())]


def _cleaned(trace: TracebackType | None) -> TracebackType | None:
    entries: list[Entry] = []
    while trace is not None:
        entries.append((trace.tb_frame, trace.tb_lasti, trace.tb_lineno))
        trace = trace.tb_next
    last_own_start = _script_start(entries)
    kept = [entry for entry in entries[last_own_start:] if not _own(entry[0])]
    kept = _without_hook_detour(kept)
    result: TracebackType | None = None
    for frame, instruction, line in reversed(kept):
        result = TracebackType(result, frame, instruction, line)
    return result


def _own(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(_OWN)


def _script_start(entries: list[Entry]) -> int:
    """Index after the frames that led into the script: those of the command and of the runner."""
    for index, (frame, _, _) in enumerate(entries):
        if _own(frame) and frame.f_code.co_name == "execute":
            return index + 1
    return 0


def _without_hook_detour(entries: list[Entry]) -> list[Entry]:
    """With a global module hook on, torch calls `forward` through an inner function; without, directly."""
    kept: list[Entry] = []
    for entry in entries:
        frame = entry[0]
        code = frame.f_code
        if kept and code.co_name == "inner" and code.co_filename.endswith(_MODULE_CALL):
            outer = kept[-1][0]
            if outer.f_code.co_name == "_call_impl" and not _has_hooks(outer):
                place = _plain_call(outer.f_code)
                if place is not None:
                    kept[-1] = (outer, *place)
                    continue
        kept.append(entry)
    return kept


def _has_hooks(frame: FrameType) -> bool:
    module = frame.f_locals.get("self")
    names = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(getattr(module, name, None) for name in names)


def _plain_call(code: CodeType) -> tuple[int, int] | None:
    """Instruction and line at which a module without hooks calls its forward."""
    import linecache

    for instruction in dis.get_instructions(code):
        line = _line(instruction)
        if line is None or not instruction.opname.startswith("CALL"):
            continue
        if linecache.getline(code.co_filename, line).strip() == _PLAIN_CALL:
            return instruction.offset, line
    return None


def _line(instruction: dis.Instruction) -> int | None:
    positions = getattr(instruction, "positions", None)  # from Python 3.11
    if positions is not None:
        line: int | None = positions.lineno
        return line
    return instruction.starts_line if isinstance(instruction.starts_line, int) else None
