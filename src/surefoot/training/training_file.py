"""A complete training in a TOML file: what to train, on what, and every setting of `fit`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from surefoot.errors import SettingError
from surefoot.optimizers.catalogue import named_optimizer
from surefoot.schedules import parse
from surefoot.training.entry_point import failing, load_entry_point
from surefoot.training.foreign_code import foreign_code, told
from surefoot.training.toml_file import read_toml

if TYPE_CHECKING:
    from surefoot.training.result import Fit

Steps = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """Something to be made: a function or class with its arguments.

    Args:
        source: "from" in the file: "package.module:name" or "file.py:name".
        arguments: Every other key of the table.
    """

    model_config = ConfigDict(extra="allow", strict=True)
    source: str = Field(alias="from")

    def made(self, folder: Path) -> Any:
        """What the function returns."""
        maker = load_entry_point(self.source, folder)
        if not callable(maker):
            return maker
        arguments = self.model_extra or {}
        check_arguments(self.source, maker, arguments)
        with failing(self.source):
            return maker(**arguments)


def check_arguments(source: str, maker: Any, arguments: Mapping[str, Any]) -> None:
    """Refuse keys that a function does not take, before it runs.

    Raises:
        SettingError: It cannot be called with them.
    """
    try:
        signature = inspect.signature(maker)
    except (TypeError, ValueError):
        return  # some built-in ones do not say
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise SettingError(f"{source} cannot be called with these keys: {error}.") from error


def _part(given: Any) -> Any:
    return {"from": given} if isinstance(given, str) else given


AnyPart = Annotated[Part, BeforeValidator(_part)]


class OptimizerSettings(BaseModel):
    """[optimizer]: a name, a rate, and whatever else the optimizer takes."""

    model_config = ConfigDict(extra="allow", strict=True)
    name: str = "adamw"
    lr: Share | None = None
    groups: dict[str, dict[str, Any]] | None = None
    decay_all: bool = False
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    layers: list[str] | None = None

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if "." not in name:
            named_optimizer(name)
        return name


class TrainingSettings(BaseModel):
    """[training]: the settings of `fit`, under the names that it has for them."""

    model_config = ConfigDict(extra="forbid", strict=True)
    schedule: str | None = None
    clip: Literal["auto", "none"] | Annotated[float, Field(gt=0)] = "auto"
    batch_size: Literal["full"] | Steps | None = None
    accumulate: Steps = 1
    epochs: Steps | None = None
    steps: Steps | None = None
    shuffle: bool = True
    drop_last: bool = False
    workers: Annotated[int, Field(ge=0)] = 0
    validate_every: Steps | None = None
    patience: Steps | None = None
    improvement: Share = 0.0
    restore_best: bool = False
    mixed_precision: Literal["no", "fp16", "bf16"] | None = None
    seed: Annotated[int, Field(ge=0)] = 0
    folder: str | None = None
    checkpoint_every: Steps | None = None
    on_divergence: Literal["stop", "rewind"] = "stop"
    name: str | None = None
    runs: str = "surefoot-runs"

    @field_validator("schedule")
    @classmethod
    def _readable(cls, schedule: str | None) -> str | None:
        if schedule is not None:
            parse(schedule)
        return schedule

    @model_validator(mode="after")
    def _one_length(self) -> TrainingSettings:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("say how long to train: give either epochs or steps")
        return self

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of `fit`."""
        given = self.model_dump()
        given["clip"] = None if self.clip == "none" else self.clip
        return given


class TrainingFile(BaseModel):
    """A complete training.

    Args:
        model: Makes the model.
        loss: A loss function, or a class of torch.nn such as "torch.nn:CrossEntropyLoss"; left out for a
            model that returns its loss.
        data: Makes the training data, in any form that `fit` takes.
        held_out: "validate" in the file: makes the validation data.
        metrics: Name -> function of (output, target).
        optimizer: Its settings.
        training: Those of the loop.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    model: AnyPart
    loss: AnyPart | None = None
    data: AnyPart
    held_out: AnyPart | None = Field(default=None, alias="validate")
    metrics: dict[str, str] = {}
    optimizer: OptimizerSettings = OptimizerSettings()
    training: TrainingSettings

    def names(self) -> list[str]:
        """Every name of code in the file."""
        parts = [
            part.source for part in (self.model, self.loss, self.data, self.held_out) if part is not None
        ]
        module, dot, name = self.optimizer.name.rpartition(".")
        return [*parts, *self.metrics.values(), *([f"{module}:{name}"] if dot else [])]


def train_file(path: str | Path, **overrides: Any) -> Fit:
    """Train what a TOML file describes.

    Args:
        path: The file; names of Python files and folders in it are relative to it.
        overrides: Arguments of `fit` that count instead of the file's, for example resume=True.

    Returns:
        What `fit` returns.

    Raises:
        SettingError: What is wrong with the file, with its line and the nearest right key.

    Effects: those of `fit`; imports and calls what the file names, so it is a program; one line on standard error first
        where it names code that is neither in its folder nor an installed package.
    """
    from surefoot.training.fitting import fit
    from surefoot.training.random_state import seed_everything

    file = read_toml(path, TrainingFile)
    folder = Path(path).resolve().parent
    if foreign := foreign_code(file.names(), folder):
        print(f"surefoot: {told(str(path), foreign)}", file=sys.stderr)
    arguments = file.training.arguments()
    if arguments["folder"] is not None:
        arguments["folder"] = folder / arguments["folder"]
    # The model's first weights are part of what the seed decides.
    seed_everything(overrides.get("seed", file.training.seed))
    return fit(
        file.model.made(folder),
        _loss(file.loss, folder),
        file.data.made(folder),
        **{
            "optimizer": file.optimizer.model_dump(exclude_none=True),
            "validate": file.held_out.made(folder) if file.held_out else None,
            "metrics": {name: load_entry_point(source, folder) for name, source in file.metrics.items()},
            **arguments,
            **overrides,
        },
    )


def _loss(part: Part | None, folder: Path) -> Any:
    """A class is made with the keys beside it; a function is the loss itself, with those keys filled in."""
    if part is None:
        return None
    found = load_entry_point(part.source, folder)
    if isinstance(found, type):
        return part.made(folder)
    extra = part.model_extra or {}
    if not extra:
        return found
    from functools import partial, update_wrapper

    return update_wrapper(partial(found, **extra), found)
