"""Checkpoints on disk: safetensors and JSON, complete or not there at all.

    folder/checkpoints.json          {"last": "step-00000120", "best": "step-00000080", "good": …}
    folder/step-00000120/model.safetensors      weights and buffers, by their names in the model
                         training.safetensors   tensors of optimizer, clipper, random generators
                         state.json             everything else

A checkpoint is written beside the others under a name of its own, flushed to the disk, and only then named in
`checkpoints.json`, which one rename replaces: whenever the process dies, that file names a complete
checkpoint.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path
from typing import Any

from torch import Tensor

from surefoot.errors import CheckpointError, MissingExtra
from surefoot.training.tree import decoded, encoded

FORMAT = 1
INDEX = "checkpoints.json"
MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"


def write_checkpoint(folder: Path, name: str, state: dict[str, Any], marks: Iterable[str]) -> None:
    """Write a checkpoint and mark it; checkpoints without a mark are deleted.

    Args:
        folder: Where all checkpoints of a run are; made if missing.
        name: The checkpoint's own, for example "step-00000120".
        state: A tree with the model's tensors under "model".
        marks: For example "last" and "best": they move here from where they were.

    Raises:
        CheckpointError: The disk does not take it.
    """
    try:
        _write(folder, name, state, marks)
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {folder / name} cannot be written ({error}): free space or name another folder."
        ) from error


def _write(folder: Path, name: str, state: dict[str, Any], marks: Iterable[str]) -> None:
    safetensors = _safetensors()
    folder.mkdir(parents=True, exist_ok=True)
    index = read_index(folder)
    # What is in use stays untouched: a second checkpoint at the same step gets a name of its own.
    names = chain([name], (f"{name}-{again}" for again in count(2)))
    name = next(free for free in names if free not in index.values())
    partial, target = folder / f".{name}.partial", folder / name
    for leftover in (partial, target):  # of a process that died while it wrote or deleted
        shutil.rmtree(leftover, ignore_errors=True)
    partial.mkdir()
    # Copies: safetensors takes no two names for one memory.
    weights = {key: value.to("cpu", copy=True).contiguous() for key, value in state["model"].items()}
    safetensors.save_file(weights, partial / MODEL)
    tensors: dict[str, Tensor] = {}
    rest = {key: value for key, value in state.items() if key != "model"}
    data = {"format": FORMAT, "state": encoded(rest, tensors, "state")}
    safetensors.save_file(tensors, partial / TRAINING)
    (partial / STATE).write_text(json.dumps(data, indent=1), encoding="utf-8")
    for file in (*partial.iterdir(), partial):
        _flush(file)
    partial.rename(target)
    index = {**index, **dict.fromkeys(marks, name)}
    fresh = folder / f".{INDEX}.partial"
    fresh.write_text(json.dumps(index, indent=1), encoding="utf-8")
    _flush(fresh)
    os.replace(fresh, folder / INDEX)
    _flush(folder)
    for found in folder.glob("*step-*"):
        if found.is_dir() and found.name not in index.values():
            shutil.rmtree(found, ignore_errors=True)


def read_index(folder: Path) -> dict[str, str]:
    """Mark -> checkpoint name; empty where no checkpoint is.

    Raises:
        CheckpointError: The index cannot be read.
    """
    try:
        text = (folder / INDEX).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    try:
        index = json.loads(text)
        return {str(mark): str(name) for mark, name in index.items()}
    except (ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{folder / INDEX} cannot be read ({error}): restore it, or remove the folder to begin anew."
        ) from error


def read_checkpoint(folder: Path, mark: str = "last") -> dict[str, Any]:
    """State of a marked checkpoint, as it was given to `write_checkpoint`; tensors are in host memory.

    Args:
        folder: Where the run's checkpoints are.
        mark: "last", "best" or "good".

    Raises:
        CheckpointError: There is none, it is damaged, or a newer surefoot wrote it.
    """
    name = read_index(folder).get(mark)
    if name is None:
        raise CheckpointError(
            f"There is no {mark} checkpoint in {folder}: name the folder of an earlier fit."
        )
    safetensors = _safetensors()
    at = folder / name
    try:
        data = json.loads((at / STATE).read_text(encoding="utf-8"))
        tensors = safetensors.load_file(at / TRAINING)
        weights = safetensors.load_file(at / MODEL)
    except Exception as error:  # safetensors raises an exception of its own for a damaged file
        raise CheckpointError(
            f"The checkpoint {at} is damaged ({error}): go back to another or begin anew."
        ) from error
    if data["format"] > FORMAT:
        raise CheckpointError(f"A newer surefoot wrote the checkpoint {at}: update surefoot to read it.")
    state: dict[str, Any] = decoded(data["state"], tensors)
    state["model"] = weights
    return state


def checkpoint_name(step: int) -> str:
    """Name of the checkpoint after so many steps.

    Example:
        >>> checkpoint_name(120)
        'step-00000120'
    """
    return f"step-{step:08d}"


def _flush(path: Path) -> None:
    """Make the disk hold what was written; folders cannot be opened on every system."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise MissingExtra(
            "Checkpoints need the package safetensors: pip install 'surefoot[train]'."
        ) from error
    return safetensors.torch
