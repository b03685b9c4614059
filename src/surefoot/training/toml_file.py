"""TOML files read into Pydantic models; what is wrong is one sentence with its line and the nearest right key."""

from __future__ import annotations

import difflib
import re
import sys
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from surefoot.errors import SettingError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Model = TypeVar("Model", bound=BaseModel)
Place = tuple[str | int, ...]


def read_toml(path: str | Path, model: type[Model]) -> Model:
    """A TOML file as a Pydantic model.

    Args:
        path: The file.
        model: What it must look like; `extra="forbid"` refuses unknown keys.

    Raises:
        SettingError: It cannot be read, is no TOML, or does not fit the model.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read ({error}): name a TOML file.") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{path} is not valid TOML: {error}.") from error
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise SettingError(sentence(str(path), text, model, error)) from error


def sentence(path: str, text: str, model: type[BaseModel], error: ValidationError) -> str:
    """The first fault of a file in one sentence.

    Args:
        path: The file's name.
        text: What is in it.
        model: What it should look like.
        error: What Pydantic found.
    """
    data = tomllib.loads(text)
    # An unknown key explains a missing one, and so comes first.
    faults = sorted(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")
    found = faults[0]
    place: Place = found["loc"]
    if found["type"] != "missing":
        place = _in_file(data, place)
    line = line_of(text, place)
    where = f"{path}, line {line}" if line else path
    key = ".".join(map(str, place))
    if found["type"] == "extra_forbidden":
        keys = _keys(model, place[:-1])
        near = difflib.get_close_matches(str(place[-1]), keys, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(keys)}."
        table = f"[{'.'.join(map(str, place[:-1]))}]" if len(place) > 1 else "the top of the file"
        return f"{where}: {place[-1]!r} is no key of {table}: {hint}"
    if found["type"] == "missing":
        return f"{where}: {key!r} is missing: add it."
    # Where several kinds are allowed, each says what it would have been.
    said = [fault["msg"] for fault in faults if _in_file(data, fault["loc"]) == place]
    wanted = [_kind(text) for text in said if text.startswith("Input should be ")]
    if wanted:
        return f"{where}: {key} = {found['input']!r} must be {' or '.join(wanted)}."
    message = said[0].removeprefix("Value error, ")
    return f"{where}: {key}: {message}" + ("" if message[-1] in ".?" else ".")


def _kind(message: str) -> str:
    """What Pydantic wanted, in the words of a TOML file."""
    kind = re.sub(r" or instance of \w+", "", message.removeprefix("Input should be "))
    return kind.replace("a valid dictionary", "a table")


def _in_file(data: Any, place: Place) -> Place:
    """The part of a place that the file has; Pydantic adds the kinds that it tried."""
    while place and not _has(data, place):
        place = place[:-1]
    return place


def line_of(text: str, place: Place) -> int | None:
    """Line at which a key of a TOML text is set, from 1; that of the table around it if the key is not there.

    Example:
        >>> line_of("a = 1\\n[b]\\n\\nc = [\\n  2,\\n]\\n", ("b", "c"))
        4
    """
    lines = text.splitlines()
    while place:
        complete = 0  # lines of the longest readable beginning so far
        for count in range(1, len(lines) + 1):
            try:
                data: Any = tomllib.loads("\n".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _has(data, place):
                # A value of several lines is readable at its last one only.
                blank = (
                    at for at in range(complete, count) if lines[at].strip() and lines[at].strip()[0] != "#"
                )
                return next(blank, count - 1) + 1
            complete = count
        place = place[:-1]
    return None


def _has(data: Any, place: Place) -> bool:
    for key in place:
        if isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        elif isinstance(data, dict) and key in data:
            data = data[str(key)]
        else:
            return False
    return True


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """Keys of the table at `place`, as a file spells them."""
    for key in place:
        field = next(
            (field for name, field in model.model_fields.items() if key in (name, field.alias)), None
        )
        if field is None:
            return []
        kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
        tables = [kind for kind in kinds if issubclass(kind, BaseModel)]
        if not tables:
            return []
        model = tables[0]
    return [field.alias or name for name, field in model.model_fields.items()]
