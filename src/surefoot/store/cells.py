"""Cells of a file, each of the type that its column promises: the file may be damaged, or somebody else's.

Every function raises ValueError with words for the user where a cell is something else.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

_Cell = TypeVar("_Cell")

DEEPEST = 64  # levels of a JSON value; what surefoot writes has under 10, and Python's stack ends at some 200
_LARGEST = 2**128  # of a JSON integer, whose digits a damaged text may go on with: seeds have 64 bits
_LAST_SECOND = 253_402_300_799.0  # the end of the year 9999, after which Python has no dates


def integer(value: object, name: str) -> int:
    """A whole number."""
    if isinstance(value, int):
        return value
    raise _other(value, name, "a whole number")


def count(value: object, name: str) -> int:
    """A whole number, 0 or more."""
    if integer(value, name) < 0:
        raise _other(value, name, "a count")
    return integer(value, name)


def real(value: object, name: str) -> float:
    """A number."""
    if isinstance(value, (int, float)):
        return float(value)
    raise _other(value, name, "a number")


def moment(value: object, name: str) -> float:
    """Seconds since the epoch."""
    if not 0 <= real(value, name) <= _LAST_SECOND:
        raise _other(value, name, "a point in time")
    return real(value, name)


def string(value: object, name: str) -> str:
    """A text."""
    if isinstance(value, str):
        return value
    raise _other(value, name, "a text")


def optional(read: Callable[[object, str], _Cell], value: object, name: str) -> _Cell | None:
    """What `read` gives, None for NULL."""
    return None if value is None else read(value, name)


def one_of(value: object, name: str, known: tuple[_Cell, ...]) -> _Cell:
    """One of a few known values."""
    for one in known:
        if value == one:
            return one
    raise _other(value, name, f"one of {', '.join(map(str, known))}")


def json_value(value: object, name: str) -> Any:
    """A JSON value that is not absurdly deep."""
    try:
        parsed = json.loads(string(value, name), parse_int=_json_integer)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON value: {error}") from None
    if _is_deep(parsed):
        raise ValueError(f"{name} is nested in more than {DEEPEST} levels")
    return parsed


def json_object(value: object, name: str) -> dict[str, Any]:
    """A JSON object."""
    parsed = json_value(value, name)
    if isinstance(parsed, dict):
        return parsed
    raise _other(parsed, name, "a JSON object")


def json_list(value: object, name: str, read: Callable[[object, str], _Cell]) -> tuple[_Cell, ...]:
    """A JSON list, each item as `read` gives it."""
    parsed = json_value(value, name)
    if isinstance(parsed, list):
        return tuple(read(item, name) for item in parsed)
    raise _other(parsed, name, "a JSON list")


def field(fields: Mapping[str, Any], key: str, name: str) -> Any:
    """A field that a JSON object must have."""
    if key in fields:
        return fields[key]
    raise ValueError(f"{name} has no {key!r}")


def _json_integer(digits: str) -> int:
    number = int(digits)
    if abs(number) >= _LARGEST:
        raise ValueError(f"a number of {len(digits)} digits")
    return number


def _is_deep(parsed: Any) -> bool:
    level = [parsed]
    for _ in range(DEEPEST):
        level = [part for whole in level if isinstance(whole, (dict, list)) for part in _parts(whole)]
        if not level:
            return False
    return True


def _parts(whole: dict[str, Any] | list[Any]) -> list[Any]:
    return list(whole.values()) if isinstance(whole, dict) else whole


def _other(value: object, name: str, wanted: str) -> ValueError:
    shown = "NULL" if value is None else repr(value[:40] if isinstance(value, (str, bytes)) else value)
    return ValueError(f"{name} is {shown[:60]}, not {wanted}")
