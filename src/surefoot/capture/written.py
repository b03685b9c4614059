"""What stands written in the user's own functions, where an observation says that a line must be there."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterable
from functools import cache
from types import CodeType, FrameType

from surefoot.capture.place import describe, users_files

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


# Operation of autograd -> names of the functions, and operators, that make it.
_NAMES: dict[str, tuple[str, ...]] = {
    "Sqrt": ("sqrt",), "Rsqrt": ("rsqrt",), "Log": ("log",), "Log2": ("log2",), "Log10": ("log10",),
    "Log1P": ("log1p",), "Acos": ("acos", "arccos"), "Asin": ("asin", "arcsin"), "Reciprocal": ("reciprocal",),
    "Exp": ("exp",), "Pow": ("pow", "**"), "Div": ("div", "divide", "/"), "Atan2": ("atan2", "arctan2"),
}  # fmt: skip
_NO_TENSORS = frozenset({"math", "np", "numpy"})
_ORDINARY = frozenset({"Div", "Exp", "Pow"})  # written so often that only a single line tells


def line_of_operation(operation: str) -> str | None:
    """Where the user's own files write an operation of autograd's; None where that is nowhere, or not to be told.

    Args:
        operation: Its name: "SqrtBackward0".
    """
    return _line_of(operation.split("Backward", 1)[0], tuple(users_files()))


@cache
def _line_of(plain: str, files: tuple[str, ...]) -> str | None:
    names = _NAMES.get(plain, ())
    found = [(name, line) for name in files for line in _lines(name, names)] if names else []
    if not found or (plain in _ORDINARY and len(found) > 1):
        return None
    return describe(*found[0])


def _lines(filename: str, names: tuple[str, ...]) -> list[int]:
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return []
    return sorted(
        {node.lineno for node in ast.walk(tree) if isinstance(node, ast.expr) and _writes(node, names)}
    )


def _writes(node: ast.expr, names: tuple[str, ...]) -> bool:
    if isinstance(node, ast.BinOp):
        return (isinstance(node.op, ast.Div) and "/" in names) or (
            isinstance(node.op, ast.Pow)
            and "**" in names
            and not (isinstance(node.right, ast.Constant) and isinstance(node.right.value, int))
        )
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value
        return node.func.attr in names and not (isinstance(owner, ast.Name) and owner.id in _NO_TENSORS)
    return isinstance(node.func, ast.Name) and node.func.id in names
