"""What parameters are called, in messages and as keys of histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ClippingError

if TYPE_CHECKING:
    from surefoot.clipping.step import Step

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


def unit_names(scope: str, step: Step) -> list[str]:
    """The unit that each of a step's gradients belongs to.

    Raises:
        ClippingError: The parameters have no names, or no groups, that the scope could go by.
    """
    gate = step.gate
    optimizer = gate.optimizer if gate else None
    if scope == "group":
        if optimizer is None:
            raise ClippingError("scope='group' means parameter groups: attach the clipper to an optimizer")
        groups = {
            id(p): f"group {i}" for i, group in enumerate(optimizer.param_groups) for p in group["params"]
        }
        return [groups[id(p)] for p in step.parameters]
    names = parameter_names(optimizer, gate.names if gate else {})
    if scope == "parameter":
        return [names.get(id(p), f"parameter {i}") for i, p in enumerate(step.parameters)]
    if any(" " in names.get(id(p), " ") for p in step.parameters):  # a place, not a name
        raise ClippingError(
            "scope='module' needs the names of all parameters: attach(optimizer, model), or make the "
            "optimizer from model.named_parameters()"
        )
    return [names[id(p)].rpartition(".")[0] for p in step.parameters]
