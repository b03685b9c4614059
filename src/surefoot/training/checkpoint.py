"""Checkpoints on disk: safetensors and JSON, complete or not there at all.

    folder/checkpoints.json          {"last": "step-00000120", "best": "step-00000080", "good": …}
    folder/step-00000120/model.safetensors      weights and buffers, by their names in the model
                         training.safetensors   tensors of optimizer, clipper, random generators
                         state.json             everything else
                         SHA256SUMS             of the three

A checkpoint is written beside the others under a name of its own, flushed to the disk, and only then marked in
`checkpoints.json`, which one rename replaces: whenever the process dies, that file marks complete checkpoints.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path
from typing import Any

from torch import Tensor

from surefoot.errors import CheckpointError, MissingExtra
from surefoot.extras import needed_for
from surefoot.training.checkpoint_index import FORMAT, INDEX, Index, is_checkpoint_name, load_index
from surefoot.training.checksums import SUMS, file_sum, mismatch, sums_digest, sums_of
from surefoot.training.tree import decoded, encoded

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"
FILES = (MODEL, TRAINING, STATE)


def write_checkpoint(folder: Path, name: str, state: dict[str, Any], marks: Iterable[str]) -> None:
    """Write a checkpoint and mark it; checkpoints of this folder's index without a mark are deleted.

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
    folder.mkdir(parents=True, exist_ok=True)
    index = load_index(folder)
    if index is None:
        index = Index()
        _replace_index(folder, index)  # so that what a process leaves that dies from here on is known as ours
    _clear(folder, index)
    # What is there stays untouched, whoever made it: this one gets a name of its own.
    names = chain([name], (f"{name}-{again}" for again in count(2)))
    name = next(free for free in names if not os.path.lexists(folder / free))
    partial = folder / f".{name}{_unfinished(index)}"
    partial.mkdir()
    _write_files(partial, state)
    index = index.with_written(name, file_sum(partial / SUMS))
    _replace_index(folder, index)
    partial.rename(folder / name)
    there = {name for name in index.written if os.path.lexists(folder / name)}
    index = index.marked(dict.fromkeys(marks, name), there)
    _replace_index(folder, index)
    _clear(folder, index)


def _write_files(folder: Path, state: dict[str, Any]) -> None:
    safetensors = safetensors_or_raise()
    # Copies: safetensors takes no two names for one memory.
    weights = {key: value.to("cpu", copy=True).contiguous() for key, value in state["model"].items()}
    safetensors.save_file(weights, folder / MODEL)
    tensors: dict[str, Tensor] = {}
    rest = {key: value for key, value in state.items() if key != "model"}
    data = {"format": FORMAT, "state": encoded(rest, tensors, "state")}
    safetensors.save_file(tensors, folder / TRAINING)
    (folder / STATE).write_text(json.dumps(data, indent=1), encoding="utf-8")
    (folder / SUMS).write_text(sums_of(folder, FILES), encoding="utf-8", newline="\n")
    for path in (*folder.iterdir(), folder):
        _flush(path)


def _replace_index(folder: Path, index: Index) -> None:
    fresh = folder / f".{INDEX}{_unfinished(index)}"
    fresh.write_text(index.text(), encoding="utf-8")
    _flush(fresh)
    os.replace(fresh, folder / INDEX)
    _flush(folder)


def _unfinished(index: Index) -> str:
    """How the names of unfinished files and folders end; nobody else draws this number."""
    return f".{index.identity}.partial"


def _clear(folder: Path, index: Index) -> None:
    """Delete checkpoints of the index that have no mark, and what a process left that died while it wrote."""
    for name, digest in index.unmarked().items():
        # The list of sums goes last, and tells until then that the folder is the one that the index means.
        if sums_digest(folder / name) == digest:
            _remove(folder / name)
    for left in folder.glob(f".step-*{_unfinished(index)}"):
        _remove(left)


def _remove(checkpoint: Path) -> None:
    """Delete the files that a checkpoint consists of, and its folder unless something else is in it."""
    if checkpoint.is_symlink() or not checkpoint.is_dir():
        return
    try:
        for path in (checkpoint / name for name in (*FILES, SUMS)):
            if path.is_file() and not path.is_symlink():
                path.unlink()
        checkpoint.rmdir()
    except OSError:
        pass  # what cannot be deleted costs space, not the training


def read_index(folder: Path) -> dict[str, str]:
    """Mark -> checkpoint name; empty where no checkpoint is.

    Raises:
        CheckpointError: The index cannot be read, or there are checkpoints and no index.
    """
    index = load_index(folder)
    if index is not None:
        return index.marks
    if found := checkpoints_in(folder):
        raise CheckpointError(
            f"{folder} holds checkpoints ({', '.join(found[-3:])}) and no {INDEX}, which says what they are: put it "
            f"back, pass resume={str(folder / found[-1])!r} (--resume-from) to go on from that one, or name another "
            "folder."
        )
    return {}


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
    return read_checkpoint_at(folder / name)


def read_checkpoint_at(at: Path) -> dict[str, Any]:
    """State of the checkpoint in a folder of its own, whichever mark it has.

    Raises:
        CheckpointError: It is damaged, or a newer surefoot wrote it.
    """
    why = damage(at)
    if why is None:
        try:
            return _read(at)
        except (CheckpointError, MissingExtra):
            raise
        except Exception as error:  # safetensors raises an exception of its own for a damaged file
            why = f"{type(error).__name__}: {' '.join(str(error).split())}"
    raise CheckpointError(f"The checkpoint {at} is damaged ({why}): {_way_out(at)}")


def damage(at: Path) -> str | None:
    """What is wrong with the files of a checkpoint, None where they are as they were written."""
    digest = _listed_digest(at)
    if digest is not None and (found := sums_digest(at)) != digest:
        if found is None:
            return f"{SUMS} is missing" if at.is_dir() else "its folder is missing"
        return f"{SUMS} is not what was written, or the folder not the checkpoint that {INDEX} means"
    return mismatch(at, FILES)


def is_checkpoint(at: Path) -> bool:
    """Whether a folder looks like one checkpoint."""
    return (at / STATE).is_file() or (at / TRAINING).is_file()


def checkpoints_in(folder: Path) -> list[str]:
    """Names of the folders in a folder that look like checkpoints of ours, oldest first."""
    try:
        names = [at.name for at in folder.iterdir() if is_checkpoint_name(at.name) and is_checkpoint(at)]
    except OSError:
        return []
    return sorted(names, key=lambda name: [int(part) for part in name.split("-")[1:]])


def checkpoint_name(step: int) -> str:
    """Name of the checkpoint after so many steps.

    Example:
        >>> checkpoint_name(120)
        'step-00000120'
    """
    return f"step-{step:08d}"


def _listed_digest(at: Path) -> str | None:
    """SHA-256 of a checkpoint's list of sums, as the index beside it knows it."""
    try:
        index = load_index(at.parent)
    except CheckpointError:
        return None
    return index.written.get(at.name) if index is not None else None


def _read(at: Path) -> dict[str, Any]:
    data = json.loads((at / STATE).read_text(encoding="utf-8"))
    if data["format"] > FORMAT:
        raise CheckpointError(f"A newer surefoot wrote the checkpoint {at}: update surefoot to read it.")
    safetensors = safetensors_or_raise()
    tensors = safetensors.load_file(at / TRAINING)
    state: dict[str, Any] = decoded(data["state"], tensors)
    state["model"] = safetensors.load_file(at / MODEL)
    return state


def _way_out(at: Path) -> str:
    """What to do about a damaged checkpoint: name the latest whole one beside it."""
    others = (name for name in reversed(checkpoints_in(at.parent)) if name != at.name)
    whole = next((name for name in others if damage(at.parent / name) is None), None)
    if whole is None:
        return "no other one is beside it, so restore it, or begin anew in another folder."
    return (
        f"the last whole one is {whole}, pass resume={str(at.parent / whole)!r} (--resume-from) to go on from there, "
        "or begin anew in another folder."
    )


def _flush(path: Path) -> None:
    """Make the disk hold what was written; folders cannot be opened on every system."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def safetensors_or_raise() -> Any:
    """The module safetensors.torch.

    Raises:
        MissingExtra: It is not installed.
    """
    with needed_for("checkpoints"):
        import safetensors.torch
    return safetensors.torch
