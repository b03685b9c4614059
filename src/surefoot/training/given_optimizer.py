"""From what users give as an optimizer to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.optim import Optimizer

from surefoot.errors import SettingError
from surefoot.optimizers import optimizer as make_optimizer


def made_optimizer(
    given: str | Mapping[str, Any] | Optimizer, model: nn.Module, lr: float | None
) -> Optimizer:
    """An optimizer by its name, by a dictionary of its arguments, or as it is.

    Raises:
        SettingError: It is none of these, or its rate is given twice.
    """
    if isinstance(given, Optimizer):
        if lr is not None:
            raise SettingError("lr is given beside an optimizer that has one: set it there.")
        return given
    if isinstance(given, str):
        return make_optimizer(given, model, lr)
    if not isinstance(given, Mapping) or "name" not in given:
        raise SettingError("optimizer is neither a name, nor a dictionary with a 'name', nor an optimizer.")
    options = dict(given)
    if lr is not None:
        options["lr"] = lr
    return make_optimizer(options.pop("name"), model, options.pop("lr", None), **options)
