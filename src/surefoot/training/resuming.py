"""Which checkpoint a training goes on from, and whether it is one of this training."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.errors import CheckpointError, SettingError
from surefoot.training.checkpoint import is_checkpoint, read_checkpoint, read_index
from surefoot.training.checkpoint_index import is_checkpoint_name, load_index

if TYPE_CHECKING:
    from surefoot.training.loop import Loop


def chosen(folder: str | Path | None, resume: bool | str | Path) -> tuple[Path | None, Path | None]:
    """(folder for the checkpoints, checkpoint to go on from), as `fit(folder=…, resume=…)` mean it.

    Raises:
        SettingError: They do not go together.
        CheckpointError: There is no such checkpoint, or the folder holds those of another training.
    """
    kept = Path(folder) if folder is not None else None
    if isinstance(resume, str | Path):
        at = _named(Path(resume))
        kept = kept or at.parent
        other = load_index(kept) if kept.resolve() != at.parent.resolve() else None
        if other is not None and other.marks:
            raise CheckpointError(_taken(kept))
        return kept, at
    if kept is None:
        if resume:
            raise SettingError(
                "resume is given and there is no folder to resume from: give folder=… or resume=PATH."
            )
        return None, None
    last = read_index(kept).get("last")
    if last is not None and not resume:
        raise CheckpointError(_taken(kept))
    return kept, kept / last if last is not None else None


def best_elsewhere(begun: Path | None, kept: Path | None) -> dict[str, Any] | None:
    """State of the best checkpoint beside the one gone on from, where the new ones go to another folder."""
    if begun is None or kept is None or begun.parent.resolve() == kept.resolve():
        return None
    index = load_index(begun.parent)
    return read_checkpoint(begun.parent, "best") if index is not None and "best" in index.marks else None


def check_settings_fit(settings: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Refuse a state that was saved with other settings.

    Raises:
        CheckpointError: The first that differs.
    """
    for name, now in settings.items():
        if saved[name] != now:
            raise CheckpointError(
                f"The checkpoint was made with {name}={saved[name]!r} and this training has {name}={now!r}: "
                f"continue with the same {name}, or begin anew in another folder."
            )


def check_fits(loop: Loop, state: Mapping[str, Any]) -> None:
    """Refuse a state that is not of this training's model or optimizer.

    Raises:
        CheckpointError: It is of another, or not of the form that `fit` writes.
    """
    _check_model(loop.own, state["model"])
    if state["parameters"] != parameter_names(loop.own, loop.raw):
        raise _other("the optimizer has other parameters, or has them in other groups")
    _check_optimizer(loop.raw.state_dict()["param_groups"], state["optimizer"]["param_groups"])


def parameter_names(model: nn.Module, optimizer: Optimizer) -> list[list[str]]:
    """Names of the parameters in each group of an optimizer; "" for those of no name in the model."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [[names.get(id(p), "") for p in group["params"]] for group in optimizer.param_groups]


def label(setting: Any) -> str:
    """A setting in words that are the same in the next process.

    Example:
        >>> label(print), label(0.5)
        ('<built-in function print>', '0.5')
    """
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(setting))


def _named(path: Path) -> Path:
    index = load_index(path)
    if index is not None and "last" in index.marks:
        return path / index.marks["last"]
    if is_checkpoint(path) or (is_checkpoint_name(path.name) and path.is_dir()):
        return path
    read_index(path)  # says so where the index alone is missing
    raise CheckpointError(f"There is no last checkpoint in {path}: name the folder of an earlier fit.")


def _taken(folder: Path) -> str:
    return (
        f"{folder} holds the checkpoints of an earlier training: pass resume=True to go on with it, "
        "or name another folder."
    )


def _check_model(model: nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Types of numbers; `load_state_dict` compares names and shapes, and converts types in silence."""
    for name, now in model.state_dict().items():
        if isinstance(now, Tensor) and name in saved and saved[name].dtype != now.dtype:
            raise _other(f"{name} is {saved[name].dtype} there and {now.dtype} here")


def _check_optimizer(now: list[dict[str, Any]], saved: list[dict[str, Any]]) -> None:
    """Options of each group; torch's optimizers take whatever they are given, and fail at the next step."""
    if len(now) != len(saved):
        raise _other(f"the optimizer has {len(saved)} groups there and {len(now)} here")
    for here, there in zip(now, saved, strict=True):
        if odd := sorted(here.keys() ^ there.keys()):
            raise _other(f"the optimizer has the option {odd[0]!r} on one side only")


def _other(why: str) -> CheckpointError:
    return CheckpointError(
        f"The checkpoint is of another model or optimizer ({why}): continue with the same ones, or begin anew in "
        "another folder."
    )
