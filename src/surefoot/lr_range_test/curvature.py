"""The largest rate at which an optimizer is stable on the curvature where a training stands.

Beyond it a step along the sharpest direction lands higher on the other side than it began.

Source: for plain, heavy-ball and Nesterov steps the eigenvalues of their linear recursion on a quadratic (Cohen et al.
2021, arXiv:2103.00065); for Adam the same for an averaged gradient on the preconditioned Hessian, (2 + 2b)/(1 - b),
which is 38 at b = 0.9 (Cohen et al. 2022, arXiv:2207.14484).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from surefoot.facts import SuggestedRate
from surefoot.landscape.lanczos import lanczos
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.landscape.sharpness import hessian_product
from surefoot.report.numbers import value

_ADAMS = ("Adam", "AdamW")
BATCHES = 8
PRODUCTS = 30  # Hessian-vector products, at the most
STEPS_WORTH = 3 * BATCHES * PRODUCTS  # a product is two backward passes through a larger graph


@dataclass(frozen=True, slots=True)
class TopEigenvalue:
    """Largest eigenvalue of the Hessian, or of the preconditioned one.

    Args:
        value: The eigenvalue.
        residual: An eigenvalue lies within it.
        preconditioned: Whether each parameter is measured in units of its step.
    """

    value: float
    residual: float
    preconditioned: bool = False


def stable_factor(optimizer: str, settings: Mapping[str, Any]) -> tuple[float, bool] | None:
    """What divided by the top eigenvalue is the largest stable rate, and whether the preconditioned Hessian is meant.

    Args:
        optimizer: Its class.
        settings: Its defaults.

    Returns:
        None for an optimizer of which it isn't known.

    Example:
        >>> stable_factor("SGD", {"momentum": 0.9}), stable_factor("Adam", {"betas": (0.9, 0.999)})
        ((3.8, False), (38.0, True))
    """
    if optimizer == "SGD":
        momentum, damping = float(settings.get("momentum") or 0), float(settings.get("dampening") or 0)
        factor = 2 + 2 * momentum
        if settings.get("nesterov"):
            factor /= 1 + 2 * momentum
        return factor / (1 - damping) if momentum else 2.0, False
    if optimizer in _ADAMS:
        beta = float((settings.get("betas") or (0.9, 0.999))[0])
        return round((2 + 2 * beta) / (1 - beta), 12), True
    if optimizer == "RMSprop" and not settings.get("momentum"):
        return 2.0, True
    return None


def top_eigenvalue(objective: Objective, eps: float | None = None, seed: int = 0) -> TopEigenvalue:
    """Largest eigenvalue at the objective's point.

    Args:
        objective: Mean loss over some batches.
        eps: Of an optimizer that divides by the root of the squared gradients' mean, which is taken over the batches
            here; None for one that doesn't.
        seed: Of the first vector.

    Raises:
        SettingError: The model has no second derivative.
    """
    point = objective.center
    scale = torch.ones_like(point, dtype=torch.float64)
    if eps is not None:
        scale = (_root_mean_square(objective, point).double() + eps).rsqrt()

    def apply(vector: Tensor) -> Tensor:
        return scale * hessian_product(objective, point, (scale * vector).to(point)).double()

    generator = torch.Generator().manual_seed(seed)
    rounding = torch.finfo(point.dtype).eps
    ends = lanczos(
        apply, objective.size, PRODUCTS, rounding=rounding, generator=generator, device=point.device
    )
    return TopEigenvalue(ends.top, ends.top_residual, eps is not None)


def _root_mean_square(objective: Objective, point: Tensor) -> Tensor:
    """Of each entry of the batches' gradients: what Adam's second moment comes to at this point."""
    squares, count = torch.zeros_like(point), 0
    with undisturbed(objective.data), torch.enable_grad():
        for index, (batch, _) in enumerate(objective.batches()):
            at = point.detach().clone().requires_grad_()
            loss = objective.batch_loss(objective.unflat(at), batch, index)
            (slope,) = torch.autograd.grad(loss, at, materialize_grads=True)
            squares += slope.detach().square()
            count += 1
    return (squares / count).sqrt()


def curvature_suggestion(optimizer: str, settings: Mapping[str, Any], top: TopEigenvalue) -> SuggestedRate:
    """The largest stable rate."""
    known = stable_factor(optimizer, settings)
    if known is None:
        return no_curvature(f"the largest stable rate of {optimizer} isn't known")
    factor, preconditioned = known
    decay = 0.0 if preconditioned else float(settings.get("weight_decay") or 0)
    eigenvalue = top.value + decay
    if not eigenvalue > 0:
        return no_curvature(
            f"the top eigenvalue of the Hessian is {value(top.value)}: nothing bounds the rate"
        )
    what = "preconditioned Hessian" if preconditioned else "Hessian"
    low = factor / (eigenvalue + top.residual)
    high = factor / (eigenvalue - top.residual) if top.residual < eigenvalue else None
    said = f"stable up to {value(factor)} over the top eigenvalue of the {what}, {value(top.value)}"
    return SuggestedRate(method="curvature", rate=factor / eigenvalue, low=low, high=high, said=said)


def too_long(pace: float, confirm: bool | None, minute: float) -> bool:
    """Whether it would take more than a minute, and was not asked for.

    Args:
        pace: Seconds a step.
        confirm: Whether trials were asked for; None: where they are quick.
        minute: What counts as one.
    """
    return not confirm and pace * STEPS_WORTH > minute


TOO_LONG = "it would take more than a minute here: ask for trials (confirm), and it is measured"


def no_curvature(why: str) -> SuggestedRate:
    """None, and why."""
    return SuggestedRate(method="curvature", said=why)
