"""Numbers and JSON values as a reader wants them: short, with units, the non-finite ones spelled out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = 6  # items of a list before the rest is counted instead


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits; integers whole, with thousands separators.

    Example:
        >>> number(0.000123456), number(1234567), number(2.0), number(float("inf")), number(54321.6)
        ('0.000123', '1,234,567', '2', 'Infinity', '54,322')
        >>> number(1e-7), number(3.2e9)
        ('1e-07', '3.2e+09')
    """
    if isinstance(value, int):
        return f"{value:,}"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if 10**digits <= abs(value) < 1e7:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def share(value: float) -> str:
    """A share in [0, 1] as a percentage, never rounded to a false 0 % or 100 %.

    Example:
        >>> share(0.876), share(0.0), share(0.0004), share(0.9996), share(1.0)
        ('88 %', '0 %', '0.04 %', '99.96 %', '100 %')
    """
    percent = 100 * value
    if percent in (0.0, 100.0) or 1 <= percent <= 99:
        return f"{percent:.0f} %"
    return f"{percent:.2g} %" if percent < 1 else f"{percent:.4g} %"


def duration(seconds: float) -> str:
    """Seconds in the two largest units that matter.

    Example:
        >>> duration(0.83), duration(12.34), duration(75), duration(7384), duration(200000)
        ('0.83 s', '12.3 s', '1 min 15 s', '2 h 3 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    for size, unit, part, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            return f"{whole} {unit} {rest // part} {name}"
    raise AssertionError("60 s or more always has a unit above")


def value(item: Any) -> str:
    """A JSON value on one line; lists and mappings past a few items are cut and counted.

    Example:
        >>> value({"uncleared": 199, "of": 200, "norms": [0.5, 1.25]})
        'uncleared 199, of 200, norms [0.5, 1.25]'
        >>> value(list(range(100)))
        '[0, 1, 2, 3, 4, 5, … 94 more]'
        >>> value([]), value(None), value(False)
        ('none', 'none', 'no')
    """
    if item is None or (isinstance(item, str | Mapping | Sequence) and not item):
        return "none"
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, int | float):
        return number(item)
    if isinstance(item, Mapping):
        return _joined([f"{words(str(key))} {value(part)}" for key, part in item.items()])
    if isinstance(item, Sequence) and not isinstance(item, str):
        return f"[{_joined([value(part) for part in item])}]"
    return str(item)


def words(name: str) -> str:
    """An identifier as words.

    Example:
        >>> words("first_uncleared")
        'first uncleared'
    """
    return name.replace("_", " ")


def _joined(parts: list[str]) -> str:
    if len(parts) <= _SHOWN + 1:
        return ", ".join(parts)
    return ", ".join([*parts[:_SHOWN], f"… {len(parts) - _SHOWN} more"])
