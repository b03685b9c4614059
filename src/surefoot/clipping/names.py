"""What parameters are called, in messages and as keys of histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor
from torch.optim import Optimizer

_SHOWN = 4


def parameter_names(optimizer: Optimizer | None, given: Mapping[int, str]) -> dict[int, str]:
    """Names by `id`: those given, else those the optimizer was made with, else the place in its groups."""
    names = {}
    for i, group in enumerate(optimizer.param_groups if optimizer is not None else ()):
        own = group.get("param_names")
        for j, parameter in enumerate(group["params"]):
            names[id(parameter)] = own[j] if own else f"parameter {j} of group {i}"
    return {**names, **given}


def describe_parameters(
    parameters: Sequence[Tensor], optimizer: Optimizer | None, given: Mapping[int, str]
) -> str:
    """Names and shapes of the first few, for a message."""
    names = parameter_names(optimizer, given)
    shown = [f"{names.get(id(p), 'a parameter')} {tuple(p.shape)}" for p in parameters[:_SHOWN]]
    more = f" and {len(parameters) - _SHOWN} more" if len(parameters) > _SHOWN else ""
    return ", ".join(shown) + more
