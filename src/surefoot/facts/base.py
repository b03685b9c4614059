"""What a fact is: a typed record of what capture saw, one class a kind. No torch, no files, no clock."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin, get_type_hints

KINDS: dict[str, type[Fact]] = {}  # by `kind`, in the order of their declaration
_F = TypeVar("_F", bound="Fact")
_OWN = ("subject", "step")  # kept in columns of their own


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that capture saw of a training's structure.

    Facts are counters and first sightings: capture brings them up to date while the training runs, so the same kind
    and subject always hold the present state. None means "not seen", never "no".

    Args:
        subject: What it is about, for example "optimizer 0" or a place "train.py:41: …"; unique within a kind.
        step: Optimizer step at which it was last brought up to date.
    """

    kind: ClassVar[str] = ""
    question: ClassVar[str] = ""  # what a reader would ask

    subject: str = "run"
    step: int = 0

    def __init_subclass__(cls, kind: str = "", question: str = "") -> None:
        # A class with slots is made twice, the second time from the first one's own names.
        cls.kind = kind or vars(cls).get("kind", "")
        cls.question = question or vars(cls).get("question", "")
        if cls.kind:
            KINDS[cls.kind] = cls

    @property
    def data(self) -> dict[str, Any]:
        """All that it says beside its subject, as JSON values; what was not seen is left out.

        Example:
            >>> from surefoot.facts import Clearing
            >>> Clearing("optimizer 0", cleared=3).data
            {'cleared': 3, 'uncleared': 0}
        """
        return {name: value for name, value in _plain(self).items() if name not in _OWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFact(Fact):
    """A fact of a kind that this version of surefoot does not have: another one recorded it.

    Args:
        name: Its kind.
        fields: What it says.
    """

    name: str = ""
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def data(self) -> dict[str, Any]:
        """All that it says, as it was recorded."""
        return dict(self.fields)


# Kind and subject under which earlier versions kept what has a kind of its own now.
_FORMER_KINDS = {("mode", "training"): "training-mode", ("mode", "validation"): "validation-mode"}
_FORMER_NAMES = {"class": "class_name", "step": "at_step"}


def fact_from(kind: str, subject: str, step: int, data: object) -> Fact:
    """A fact from what the store holds: unknown names are dropped, values of another type count as not seen.

    Example:
        >>> fact_from("clearing", "optimizer 0", 12, {"cleared": 11, "colour": "red", "uncleared": "many"})
        Clearing(subject='optimizer 0', step=12, cleared=11, uncleared=0, first_uncleared=None, leftover_norm=None)
    """
    made = KINDS.get(_FORMER_KINDS.get((kind, subject), kind))
    named = data if isinstance(data, Mapping) else {}
    if made is None:
        return UnknownFact(subject, step, name=kind, fields=dict(named))
    return made(subject, step, **_read(made, named))


def _read(made: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    hints: dict[str, Any] = _hints(made)  # type: ignore[arg-type]  # every class is hashable
    found = {}
    for name, value in data.items():
        known = name if name in hints and name not in _OWN else _FORMER_NAMES.get(name)
        if known in hints:
            try:
                found[known] = _typed(hints[known], value)
            except TypeError:
                continue  # not of its type: not seen
    return found


@cache
def _hints(made: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(made)
    return {field.name: hints[field.name] for field in dataclasses.fields(made)}


def _typed(hint: Any, value: Any) -> Any:
    """`value` as `hint` wants it.

    Raises:
        TypeError: it is of another type.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _typed(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise TypeError("not a list")
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_typed(arguments[0], item) for item in value)
        if len(value) != len(arguments):
            raise TypeError("a list of another length")
        return tuple(_typed(a, item) for a, item in zip(arguments, value, strict=True))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise TypeError("not an object")
        return hint(**_read(hint, value))  # type: ignore[operator, arg-type]
    if origin is not None:  # a mapping of settings
        if not isinstance(value, Mapping):
            raise TypeError("not an object")
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise TypeError(f"not of type {hint.__name__}")
    return value


def _plain(record: Any) -> dict[str, Any]:
    values = ((field.name, getattr(record, field.name)) for field in dataclasses.fields(record))
    return {name: _json(value) for name, value in values if value is not None}


def _json(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(value)
    if isinstance(value, (tuple, list)):
        return [_json(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
