"""The .npz files that keep landscapes: arrays as they are, the rest as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path as FilePath
from typing import Any, get_args
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from surefoot.errors import StoreError
from surefoot.surfaces.records import Record

FORMAT = 1
_RECORDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Record)}


def save(record: Record, path: str | os.PathLike[str]) -> FilePath:
    """Keep a record as a .npz file: its arrays by field name, the rest as JSON under "meta".

    Returns:
        The path written, with the suffix .npz.

    Effects: replaces the file at once, so that a reader never sees half of it.
    """
    target = FilePath(path).with_suffix(".npz")
    arrays: dict[str, Any] = {}
    meta = {"format": FORMAT, "record": _pack(record, "", arrays)}
    write_arrays(target, arrays, meta)
    return target


def load(path: str | os.PathLike[str]) -> Any:
    """The record that `save` kept.

    Raises:
        StoreError: The file is missing, or is not a surefoot record.
    """
    arrays, meta = read_arrays(FilePath(path))
    if meta.get("format") != FORMAT or "record" not in meta:
        raise StoreError(f"{path} is not a landscape record that this surefoot reads; compute it again")
    return _unpack(meta["record"], "", arrays)


def write_arrays(path: FilePath, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
    """Write arrays and JSON values to a .npz file, all or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
        os.replace(partial, path)
    except OSError as error:
        if partial.is_file():
            partial.unlink()
        raise StoreError(f"cannot write {path} ({error.strerror or error}); choose another place") from error


def read_arrays(path: FilePath) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Arrays and JSON values of a .npz file that `write_arrays` wrote."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        return arrays, dict(json.loads(str(arrays.pop("meta"))))
    except FileNotFoundError as error:
        raise StoreError(f"there is no file {path}") from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise StoreError(f"{path} is not a .npz file that surefoot wrote ({error})") from error


def _pack(value: Any, place: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, np.ndarray):
        name = place.rstrip(".")
        arrays[name] = value
        return {"array": name}
    if is_dataclass(value):
        inner = {f.name: _pack(getattr(value, f.name), f"{place}{f.name}.", arrays) for f in fields(value)}
        return {"class": type(value).__name__, "fields": inner}
    if isinstance(value, tuple):
        return {"tuple": [_pack(item, f"{place}{index}.", arrays) for index, item in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"mapping": dict(value)}
    return value


def _unpack(value: Any, place: str, arrays: Mapping[str, Any]) -> Any:
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "tuple" in value:
        return tuple(_unpack(item, place, arrays) for item in value["tuple"])
    if "mapping" in value:
        return value["mapping"]
    try:
        kind = _RECORDS[value["class"]]
        return kind(**{name: _unpack(item, place, arrays) for name, item in value["fields"].items()})
    except (KeyError, TypeError) as error:
        raise StoreError(f"a landscape record holds an unknown part ({error}); compute it again") from error
