"""Numbers that a script writes down: where one comes from, and how another is written in its style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import libcst as cst

from surefoot.edits.changes import Changes
from surefoot.edits.names import argument, called, resolve
from surefoot.edits.script import Script, Unsure, only

_DIGITS = 3


def literal(script: Script, node: cst.BaseExpression) -> cst.BaseExpression:
    """The number that an expression comes from: itself, a constant, an option's default, an entry of settings.

    Raises:
        Unsure: It is computed, or bound more than once.
    """
    if number(node) is not None:
        return node
    try:
        found = resolve(script, node)
    except Unsure:
        found = None
    if found is not None and number(found) is not None:
        return found
    return only(_entries(script, node if found is None else found))


def number(node: cst.BaseExpression) -> float | None:
    """The value of a number that is written down; None for anything else.

    Example:
        >>> number(cst.parse_expression("1e-3")), number(cst.parse_expression("f()"))
        (0.001, None)
    """
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inner = number(node.expression)
        return None if inner is None else -inner
    return float(node.evaluated_value) if isinstance(node, cst.Integer | cst.Float) else None


def written(value: float, like: str = "") -> str:
    """A number as text, in powers of ten where the one that it replaces is.

    Example:
        >>> written(0.05), written(0.0003), written(0.0005, like="1e-3"), written(30.0, like="2")
        ('0.05', '0.0003', '5e-4', '30.0')
    """
    value = float(f"{value:.{_DIGITS}g}")
    if ("e" not in like.lower() and 1e-4 <= abs(value) < 1e6) or value == 0:
        return repr(value)
    mantissa, _, exponent = f"{value:.{_DIGITS - 1}e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def change(
    changes: Changes, script: Script, found: cst.BaseExpression, details: Mapping[str, Any]
) -> tuple[str, str]:
    """Put the number that the details ask for in the place of another one.

    Args:
        changes: The changes that this one joins.
        script: The script.
        found: The number that is written down.
        details: `value`, or `factor` of the one that is there.

    Returns:
        The number as it was and as it is written now.
    """
    old = number(found)
    value = details.get("value")
    if value is None and details.get("factor") is not None and old is not None:
        value = old * details["factor"]
    if value is None or value == old:
        raise Unsure
    text = written(float(value), like=script.text(found))
    changes.replace(found, text)
    return script.text(found), text


def _entries(script: Script, node: cst.BaseExpression) -> Iterator[cst.BaseExpression]:
    """The number behind `args.lr`, `config["lr"]` or `config.lr`."""
    if isinstance(node, cst.Attribute):
        holder, key = resolve(script, node.value), node.attr.value
        if isinstance(holder, cst.Call) and called(holder) in ("parse_args", "parse_known_args"):
            yield from _defaults(script, key)
        elif isinstance(holder, cst.Call):
            yield from _fields(script, holder, key)
    elif isinstance(node, cst.Subscript):
        key = _key(node)
        holder = resolve(script, node.value)
        if isinstance(holder, cst.Dict):
            entries = (e for e in holder.elements if isinstance(e, cst.DictElement))
            yield from (e.value for e in entries if _string(e.key) == key and number(e.value) is not None)
        elif isinstance(holder, cst.Call) and called(holder) == "dict":
            value = argument(holder, key)
            if value is not None and number(value) is not None:
                yield value


def _defaults(script: Script, key: str) -> Iterator[cst.BaseExpression]:
    """The default of an option of argparse's."""
    for call in script.all(cst.Call):
        if called(call) == "add_argument" and key in _destinations(call):
            default = argument(call, "default")
            if default is not None and number(default) is not None:
                yield default


def _destinations(call: cst.Call) -> list[str]:
    dest = argument(call, "dest")
    if dest is not None:
        return [_string(dest)]
    names = [_string(item.value) for item in call.args if item.keyword is None]
    long = [name for name in names if name.startswith("--")] or names
    return [name.lstrip("-").replace("-", "_") for name in long[:1]]


def _fields(script: Script, made: cst.Call, key: str) -> Iterator[cst.BaseExpression]:
    """A field's value in the class of settings, or what the call gives for it."""
    value = argument(made, key)
    if value is not None:
        if number(value) is not None:
            yield value
        return
    for held in script.all(cst.ClassDef):
        if held.name.value == called(made):
            for field in script.all(cst.AnnAssign, held):
                named = isinstance(field.target, cst.Name) and field.target.value == key
                if named and field.value is not None and number(field.value) is not None:
                    yield field.value


def _key(node: cst.Subscript) -> str:
    inner = only(node.slice).slice
    return _string(inner.value) if isinstance(inner, cst.Index) else ""


def _string(node: cst.BaseExpression | None) -> str:
    value = node.evaluated_value if isinstance(node, cst.SimpleString) else None
    return value if isinstance(value, str) else ""
