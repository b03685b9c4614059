"""How large an adaptive optimizer's coming update is, relative to what its own second moments expect.

n: parameters of a step
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import torch
from torch import Tensor
from torch.optim import NAdam, RAdam, RMSprop
from torch.optim.adam import Adam
from torch.optim.adamw import AdamW
from torch.optim.optimizer import Optimizer

from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import ClippingError
from surefoot.norms import per_parameter_norms

KNOWN = (Adam, AdamW, NAdam, RAdam, RMSprop)


def keeps_second_moments(optimizer: Optimizer) -> bool:
    """Whether an optimizer says, or may be taken, to keep a running mean of squared gradients for each entry."""
    if isinstance(optimizer, KNOWN):
        return True
    foreign = not type(optimizer).__module__.startswith("torch.")
    return foreign and all(_pair(group.get("betas")) for group in optimizer.param_groups)


def root_mean_squares(optimizer: Optimizer, step: Step) -> Tensor:
    """sqrt(mean(g² / max(v, eps²))) of each parameter, v being the second moment that the coming step will use.

    Args:
        optimizer: One that `keeps_second_moments`.
        step: Its gradients, finite, before the step.

    Returns:
        Shape (n,), float32 (float64 for float64 gradients alone), on the first gradient's device.

    Raises:
        ClippingError: A parameter has steps behind it and no second moment, or a sparse gradient.

    Effects: no host synchronisation; communicates only for sharded DTensors.
    """
    places: dict[int, int] = {id(p): i for i, p in enumerate(step.parameters)}
    ratios: list[Tensor] = [step.gradients[0]] * len(places)
    for group in optimizer.param_groups:
        members = [places[id(p)] for p in group["params"] if id(p) in places]
        if members:
            states = [optimizer.state.get(step.parameters[i], {}) for i in members]
            _checked(optimizer, states, [step.gradients[i] for i in members])
            for i, ratio in zip(members, _ratios(optimizer, group, states, step, members), strict=True):
                ratios[i] = ratio
    wide = all(ratio.dtype == torch.float64 for ratio in ratios)
    return per_parameter_norms(ratios, torch.float64 if wide else torch.float32)


def _checked(optimizer: Optimizer, states: Sequence[Mapping[str, Any]], gradients: Sequence[Tensor]) -> None:
    if any(gradient.layout != torch.strided for gradient in gradients):
        raise ClippingError(
            "ClipUpdate cannot clip the update of a sparse gradient: put its parameter in a group with clip=False"
        )
    name = "square_avg" if isinstance(optimizer, RMSprop) else "exp_avg_sq"
    if any(state and name not in state for state in states):
        raise ClippingError(
            f"ClipUpdate reads the second moments {name!r}, and this {type(optimizer).__name__} keeps none: "
            "use AutoClip or AdaGC"
        )


@torch.no_grad()
def _ratios(
    optimizer: Optimizer,
    group: Mapping[str, Any],
    states: Sequence[Mapping[str, Any]],
    step: Step,
    members: Sequence[int],
) -> list[Tensor]:
    """Gradient over root second moment and root of the number of entries; shards stay shards."""
    whole = [step.gradients[i] for i in members]
    gradients = _gradients(optimizer, group, step, members)
    decay = _number(group["alpha"] if isinstance(optimizer, RMSprop) else group["betas"][1])
    name, at_most = (
        ("square_avg", None) if isinstance(optimizer, RMSprop) else ("exp_avg_sq", "max_exp_avg_sq")
    )
    moments = torch._foreach_mul(_kept(states, name, gradients), decay)
    squares = torch._foreach_mul(gradients, gradients)
    torch._foreach_mul_(squares, 1 - decay)
    torch._foreach_add_(moments, squares)
    if group.get("amsgrad") and at_most is not None:
        torch._foreach_maximum_(moments, _kept(states, at_most, gradients))
    if group.get("centered"):
        means = torch._foreach_mul(_kept(states, "grad_avg", gradients), decay)
        torch._foreach_add_(means, torch._foreach_mul(gradients, 1 - decay))
        torch._foreach_mul_(means, means)
        torch._foreach_sub_(moments, means)
    if not isinstance(optimizer, RMSprop):
        torch._foreach_div_(moments, _corrections(decay, states, gradients[0].device))
    torch._foreach_clamp_min_(moments, 0.0)  # centered, by rounding
    torch._foreach_sqrt_(moments)
    torch._foreach_clamp_min_(moments, _number(group.get("eps", 1e-8)))
    torch._foreach_div_(gradients, moments)
    torch._foreach_mul_(gradients, [1 / sqrt(max(_real_entries(gradient), 1)) for gradient in whole])
    return [_sharded_as(part, gradient) for part, gradient in zip(gradients, whole, strict=True)]


def _gradients(
    optimizer: Optimizer, group: Mapping[str, Any], step: Step, members: Sequence[int]
) -> list[Tensor]:
    """Copies of the gradients as the optimizer will use them: without a scaler's scale, with L2 decay."""
    gradients = [_wide(part).clone() for part in dense_parts([step.gradients[i] for i in members])]
    if step.scale is not None:
        torch._foreach_div_(gradients, step.scale.to(gradients[0].device))
    decoupled = group.get("decoupled_weight_decay", not isinstance(optimizer, Adam | NAdam | RAdam | RMSprop))
    decay = 0.0 if decoupled or isinstance(optimizer, AdamW) else group.get("weight_decay", 0.0)
    if decay:
        if group.get("maximize"):
            torch._foreach_neg_(gradients)
        weights = [_wide(part) for part in dense_parts([step.parameters[i].detach() for i in members])]
        torch._foreach_add_(gradients, weights, alpha=decay)
    return gradients


def _kept(states: Sequence[Mapping[str, Any]], name: str, like: Sequence[Tensor]) -> list[Tensor]:
    """What the optimizer remembers by this name, zero where it has not begun."""
    return [
        _wide(dense_parts([state[name]])[0]) if name in state else torch.zeros_like(gradient)
        for state, gradient in zip(states, like, strict=True)
    ]


def _corrections(decay: Any, states: Sequence[Mapping[str, Any]], device: torch.device) -> list[Any]:
    """1 - decay^t of each, t being the coming step: all floats, or all tensors of shape () on the device."""
    found = [1 - decay ** (_number(state.get("step", 0)) + 1) for state in states]
    if not any(isinstance(each, Tensor) for each in found):
        return found
    return [each if isinstance(each, Tensor) else torch.full((), each, device=device) for each in found]


def _real_entries(gradient: Tensor) -> int:
    return gradient.numel() * (2 if gradient.is_complex() else 1)


def _wide(part: Tensor) -> Tensor:
    """The entries as real numbers of at least single precision."""
    real = torch.view_as_real(part) if part.is_complex() else part
    return real if real.dtype == torch.float64 else real.float()


def _number(value: Any) -> Any:
    """A setting or counter as a float where that is in host memory; else the tensor that it is."""
    if isinstance(value, Tensor):
        return float(value.numpy()) if value.device.type == "cpu" else value
    return value


def _sharded_as(part: Tensor, gradient: Tensor) -> Tensor:
    if not hasattr(gradient, "placements"):
        return part
    from torch.distributed.tensor import DTensor

    shard: Any = gradient
    return DTensor.from_local(
        part, shard.device_mesh, shard.placements, run_check=False, shape=shard.shape, stride=shard.stride()
    )


def _pair(betas: Any) -> bool:
    return isinstance(betas, tuple | list) and len(betas) >= 2
