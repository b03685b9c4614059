"""What stands written in the user's own functions, where an observation says that a line must be there."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable
from types import CodeType, FrameType

from surefoot.capture.place import describe

# What takes a tensor, or its values, out of the autograd graph.
CUTS = re.compile(
    r"\.detach\(|\.data\b(?!\.)|\.item\(|\.numpy\(|\.tolist\(|argmax|no_grad|inference_mode|torch\.tensor\(|"
    r"as_tensor\(|from_numpy\(|np\.|\.round\(|torch\.round|\.sign\(|requires_grad_?\(?\s*=?\s*\(?False|checkpoint\(|"
    r"multinomial\(|\.sample\(|\.long\(|\.int\(|\.bool\("
)


def line_above(
    frames: Iterable[FrameType], wanted: re.Pattern[str], outside: CodeType | None = None
) -> str | None:
    """The nearest line that matches, at or above where each of these functions is; the first function that has one.

    Args:
        frames: The innermost first.
        wanted: What to look for; comments are left out.
        outside: The function at which to stop.
    """
    for frame in frames:
        code = frame.f_code
        if code is outside:
            return None
        for line in range(frame.f_lineno, code.co_firstlineno - 1, -1):
            if wanted.search(linecache.getline(code.co_filename, line).split("#")[0]):
                return describe(code.co_filename, line)
    return None
