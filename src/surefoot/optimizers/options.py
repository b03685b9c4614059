"""Which settings an optimizer class takes."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import Optimizer

from surefoot.errors import SettingError


def check_options(
    name: str,
    cls: type[Optimizer],
    options: Mapping[str, Any],
    patterns: Mapping[str, Mapping[str, Any]],
) -> None:
    """Refuse settings that the class does not know; torch itself takes any key in a group without a word.

    Args:
        name: The optimizer's name, for the message.
        cls: The class.
        options: Settings for all parameters.
        patterns: Settings by pattern.

    Raises:
        SettingError: A setting that the class lacks, with the nearest that it has.
    """
    known = _known(cls)
    for where, given in (("", options), *((f" for the group {p!r}", g) for p, g in patterns.items())):
        for key in given:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(sorted(known))}."
                raise SettingError(f"The optimizer {name!r} has no setting {key!r}{where}: {hint}")


def default_of(name: str, cls: type[Optimizer], setting: str, *, needed: bool = True) -> Any:
    """Default that the class itself has for a setting; None if it has none and it is not needed.

    Raises:
        SettingError: It has none, and it is needed.
    """
    parameter = inspect.signature(cls).parameters.get(setting)
    if parameter is not None and parameter.default is not inspect.Parameter.empty:
        return parameter.default
    if needed:
        raise SettingError(f"The optimizer {name!r} has no default for {setting!r}: give one.")
    return None


def _known(cls: type[Optimizer]) -> set[str]:
    parameters = inspect.signature(cls).parameters
    known = {key for key in list(parameters)[1:] if parameters[key].kind is not inspect.Parameter.VAR_KEYWORD}
    if len(known) + 1 < len(parameters):
        # The class swallows any keyword; what it keeps as a default is what it knows.
        known |= set(cls([torch.zeros((), requires_grad=True)]).defaults)  # type: ignore[call-arg]
    return known - {"params"}
