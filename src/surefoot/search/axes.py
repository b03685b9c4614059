"""What a sweep varies, read from what one types: "1e-4:1:log7", "sgd,adamw", 3e-4."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from surefoot.errors import SettingError

Value = float | str
Given = str | float | Iterable[Value] | None

_RANGE = re.compile(r"^([^:]+):([^:]+)(?::(log|lin)(\d*))?$")
_NUMBERS = ("lr", "momentum", "weight-decay")
_MOST = 1000  # values of one axis: more is a slip of the finger


@dataclass(frozen=True, slots=True)
class Axis:
    """One setting and what it may be.

    Args:
        name: "lr", "optimizer", "schedule", "clip", "momentum", "weight-decay", or an argument's own, "--hidden".
        values: To be tried, in order; empty for a range without a count.
        low: Lower end of a range; None for a list.
        high: Upper end.
        log: The range is drawn from in equal factors.
    """

    name: str
    values: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = True

    @property
    def continuous(self) -> bool:
        """Whether it is a range of which no values were chosen."""
        return not self.values


def axis(name: str, given: Given) -> Axis | None:
    """What was given for one setting; None where nothing was.

    Raises:
        SettingError: It can't be.

    Example:
        >>> axis("lr", "1e-4:1:log5").values
        (0.0001, 0.001, 0.01, 0.1, 1.0)
        >>> axis("optimizer", "sgd,adamw").values, axis("lr", [0.1, 0.01]).values
        (('sgd', 'adamw'), (0.1, 0.01))
    """
    if given is None:
        return None
    if isinstance(given, str):
        span = _RANGE.match(given.strip()) if name in _NUMBERS else None
        if span is not None:
            return _range(name, given, *span.groups())
        items: list[Value] = list(parts(given))
    else:
        items = [given] if isinstance(given, int | float) else list(given)
    values = tuple(checked(name, item) for item in items)
    if not values:
        raise SettingError(f"{_option(name)} has no values: give some, separated by commas.")
    twice = next((value for value in values if values.count(value) > 1), None)
    if twice is not None:
        raise SettingError(f"{_option(name)} has {twice} twice: give each value once.")
    return Axis(name, values)


def parts(text: str) -> list[str]:
    """What stands between the commas that are in no bracket.

    Example:
        >>> parts("constant, warmup(10) >> cosine(90, 0.1)")
        ['constant', 'warmup(10) >> cosine(90, 0.1)']
    """
    found, depth = [""], 0
    for character in text:
        depth += (character in "([{") - (character in ")]}")
        if character == "," and depth <= 0:
            found.append("")
        else:
            found[-1] += character
    return [part.strip() for part in found if part.strip()]


def checked(name: str, item: Value) -> Value:
    """One value of a setting.

    Raises:
        SettingError: It can't be.
    """
    if name in _NUMBERS:
        return _number(name, item)
    text = f"{item:g}" if isinstance(item, int | float) else str(item)
    if name == "optimizer":
        from surefoot.optimizers.catalogue import named_optimizer

        return text if "." in text else named_optimizer(text).name
    if name == "clip":
        return _clip(text)
    if name == "schedule":
        _check_schedule(text)
    return text


def _number(name: str, item: Value) -> float:
    try:
        value = float(item)
    except ValueError:
        raise SettingError(
            f"{_option(name)} {item} is no number: give numbers as 0.1,0.01, or a range as 1e-4:1:log7."
        ) from None
    least_is_open, below = name == "lr", 1.0 if name == "momentum" else math.inf
    if not 0 <= value < below or (least_is_open and not value):
        limits = {"lr": "above 0, and finite", "momentum": "at least 0 and below 1"}
        raise SettingError(
            f"{_option(name)} {value:g} can't be: give a number {limits.get(name, 'of at least 0, and finite')}."
        )
    return value


def _clip(text: str) -> str:
    kind, _, at = text.partition(":")
    if kind == "none" and not at:
        return text
    try:
        number = float(at or "10") if kind == "autoclip" else float(text)
    except ValueError:
        raise SettingError(
            f"--clip {text} is not known: give none, autoclip, autoclip:PERCENTILE, or the greatest gradient norm."
        ) from None
    if kind == "autoclip" and not 0 <= number <= 100:
        raise SettingError(f"--clip {text}: {number:g} is no percentile: give 0 to 100.")
    if kind != "autoclip" and not 0 < number < math.inf:
        raise SettingError(f"--clip {text}: a gradient norm is above 0, and finite.")
    return text


def _check_schedule(text: str) -> None:
    from surefoot.schedules import parse

    schedule = parse(text)
    if schedule.in_epochs:
        raise SettingError(
            f"--schedule {text}: give its lengths in steps, a script's epochs aren't known before."
        )


def _range(name: str, text: str, first: str, last: str, spacing: str | None, count: str | None) -> Axis:
    low, high = _number(name, first), _number(name, last)
    if not low < high:
        raise SettingError(f"{_option(name)} {text} goes nowhere: give LOW:HIGH:log7, such as 1e-4:1:log7.")
    log = spacing != "lin"
    if log and not low:
        raise SettingError(
            f"{_option(name)} {text}: a range that begins at 0 can't be in equal factors: write lin."
        )
    if not count:
        return Axis(name, (), low, high, log)
    number = int(count)
    if not 2 <= number <= _MOST:
        raise SettingError(f"{_option(name)} {text}: give 2 to {_MOST} values.")
    return Axis(name, spaced(low, high, number, log), low, high, log)


def spaced(low: float, high: float, count: int, log: bool) -> tuple[float, ...]:
    """Values from one end to the other, three digits each.

    Example:
        >>> spaced(0.001, 0.1, 3, True), spaced(0.0, 0.9, 4, False)
        ((0.001, 0.01, 0.1), (0.0, 0.3, 0.6, 0.9))
    """
    places = [k / (count - 1) for k in range(count)]
    if log:
        inner = [math.exp(math.log(low) + p * (math.log(high) - math.log(low))) for p in places[1:-1]]
    else:
        inner = [low + p * (high - low) for p in places[1:-1]]
    return (low, *(float(f"{value:.3g}") for value in inner), high)


def _option(name: str) -> str:
    return name if name.startswith("-") else f"--{name}"
