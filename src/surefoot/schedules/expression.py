"""Schedules written as text, for command lines and TOML files: "warmup(1000) >> cosine(9000)"."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable
from typing import Any

from surefoot.errors import SettingError
from surefoot.schedules.base import Schedule
from surefoot.schedules.constants import Constant
from surefoot.schedules.cosines import Cosine, CosineRestarts
from surefoot.schedules.cycles import OneCycle
from surefoot.schedules.decays import Exponential, InverseSquareRoot, InverseTime, Linear, Polynomial
from surefoot.schedules.lengths import Epochs
from surefoot.schedules.staircases import MultiStep, Step
from surefoot.schedules.warmups import Ramp, Warmup, warmup_stable_decay

NAMES: dict[str, Callable[..., Any]] = {
    "constant": Constant,
    "step": Step,
    "multi_step": MultiStep,
    "exponential": Exponential,
    "inverse_time": InverseTime,
    "polynomial": Polynomial,
    "linear": Linear,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "one_cycle": OneCycle,
    "warmup": Warmup,
    "ramp": Ramp,
    "warmup_stable_decay": warmup_stable_decay,
    "inverse_square_root": InverseSquareRoot,
    "epochs": Epochs,
}
METHODS = ("first", "held")


def parse(text: str) -> Schedule:
    """Schedule of an expression, which is read, never run.

    Args:
        text: What Python users write: calls of the schedules, ">>", "*", ".first(…)", ".held(…)", numbers,
            epochs(…).

    Raises:
        SettingError: It is not such an expression; the message says what and where.

    Example:
        >>> parse("warmup(epochs(5)) >> 0.5 * cosine(epochs(85))")
        warmup(epochs(5)) >> 0.5 * cosine(epochs(85))
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise SettingError(f"The schedule {text!r} cannot be read: {error}.") from error
    try:
        made = _value(tree.body)
    except SettingError:
        raise
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:  # a missing or unknown argument
        raise SettingError(f"The schedule {text!r} cannot be made: {error}.") from error
    if not isinstance(made, Schedule):
        raise SettingError(f"{text!r} is no schedule: write one such as 'warmup(100) >> cosine(900)'.")
    return made


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return tuple(_value(item) for item in items)
        case ast.BinOp(left=left, op=ast.RShift(), right=right):
            return _value(left) >> _value(right)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _product(_value(left), _value(right), node)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            return _called(name, args, keywords)
        case ast.Call(func=ast.Attribute(value=inner, attr=method), args=[length], keywords=[]) if (
            method in METHODS
        ):
            schedule = _value(inner)
            if isinstance(schedule, Schedule):
                return getattr(schedule, method)(_value(length))
        case ast.Name(id=name):
            raise SettingError(f"{name!r} in the schedule needs its settings: write {name}(…).")
    raise SettingError(
        f"{ast.unparse(node)!r} has no place in a schedule: use {', '.join(NAMES)}, '>>', '*' and numbers."
    )


def _product(left: Any, right: Any, node: ast.expr) -> Any:
    if all(isinstance(factor, Schedule | int | float) for factor in (left, right)):
        return left * right
    raise SettingError(
        f"{ast.unparse(node)!r} has no place in a schedule: only schedules and numbers are multiplied."
    )


def _called(name: str, args: list[ast.expr], keywords: list[ast.keyword]) -> Any:
    maker = NAMES.get(name)
    if maker is None:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(NAMES)}."
        raise SettingError(f"There is no schedule named {name!r}: {hint}")
    given = {keyword.arg: _value(keyword.value) for keyword in keywords if keyword.arg is not None}
    return maker(*(_value(arg) for arg in args), **given)
