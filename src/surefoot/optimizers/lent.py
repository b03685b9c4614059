"""What a group of an optimizer holds, lent for one step and given back after it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

Group = dict[str, Any]


class Lent:
    """Values that stand in a group for the length of a step; schedules and the script find their own after it."""

    def __init__(self) -> None:
        self._held: list[tuple[Group, str, Any]] = []

    def set(self, group: Group, name: str, value: Any) -> None:
        """Let a value stand in for the group's own."""
        own: Any = group[name]
        self._held.append((group, name, own.item() if isinstance(own, Tensor) else own))
        _put(group, name, value)

    def give_back(self) -> None:
        """Put the group's own values back."""
        while self._held:
            _put(*self._held.pop())


def _put(group: Group, name: str, value: Any) -> None:
    present = group[name]
    if isinstance(present, Tensor):
        with torch.no_grad():
            present.fill_(value)  # a compiled or captured step holds this very tensor
    else:
        group[name] = value


def with_momentum(group: Group, momentum: float) -> tuple[str, Any] | None:
    """Name and value of a group's momentum; None where it has none.

    Example:
        >>> with_momentum({"betas": (0.9, 0.999)}, 0.5), with_momentum({"momentum": 0.0}, 0.9)
        (('betas', (0.5, 0.999)), ('momentum', 0.9))
    """
    if "betas" in group:
        return "betas", (momentum, *group["betas"][1:])
    return ("momentum", momentum) if "momentum" in group else None


def spared_decay(group: Group, optimizer: Optimizer) -> bool:
    """Whether the script keeps a group free of the decay that others have: biases and norms."""
    return not group.get("weight_decay") and any(
        other.get("weight_decay") for other in optimizer.param_groups
    )
