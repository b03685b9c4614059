"""One step's gradients, as a clipper meets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from surefoot.errors import ClippingError


class StepGate(Protocol):
    """What stands between a clipped step and its optimizer."""

    @property
    def optimizer(self) -> Optimizer | None:
        """The optimizer, while it lives."""

    @property
    def names(self) -> Mapping[int, str]:
        """Names of its parameters by `id`, as far as they are known."""

    def scale_all(self, step: Step, factor: float | Tensor) -> None:
        """Multiply all gradients by one factor in [0, 1]."""

    def shorten(self, parameters: Sequence[Tensor], shares: Sequence[float] | Tensor) -> None:
        """Keep only these shares, in (0, 1], of the coming step's update of each parameter."""

    def leave_out(self) -> None:
        """Leave the coming step out."""

    def leave_out_if(self, bad: Tensor, step: Step) -> bool | None:
        """The same if `bad` says so on the device; what was decided where the host had to, else None."""


class Step:
    """The gradients of one step and what is known about them.

    Attributes:
        parameters: The n parameters that have a gradient.
        gradients: Their gradients.
        gate: Between this step and its optimizer; None when the clipper is called by hand.
        fused: Every parameter group asks for the fused kernel, and none is left out of clipping.
        scale: GradScaler's factor that is still in the gradients, shape (); None if none is.
        found_inf: GradScaler's overflow flag, shape (), non-zero for overflow; None without a scaler.
        record: False for the later evaluations of a closure within one step.
    """

    __slots__ = ("found_inf", "fused", "gate", "gradients", "parameters", "record", "scale")

    def __init__(
        self,
        parameters: list[Tensor],
        gradients: list[Tensor],
        gate: StepGate | None = None,
        fused: bool = False,
        scale: Tensor | None = None,
        found_inf: Tensor | None = None,
        record: bool = True,
    ) -> None:
        self.parameters = parameters
        self.gradients = gradients
        self.gate = gate
        self.fused = fused
        self.scale = scale
        self.found_inf = found_inf
        self.record = record


def collect(optimizer: Optimizer, gate: StepGate, record: bool) -> Step:
    """The gradients an optimizer is about to use; groups with `clip=False` are left out."""
    candidates: list[Tensor] = []
    fused = True
    for group in optimizer.param_groups:
        if group.get("clip", True):
            candidates += group["params"]
            fused = fused and group.get("fused", False)
        else:
            fused = False
    gradients = [gradient for p in candidates if (gradient := p.grad) is not None]
    parameters = (
        candidates if len(gradients) == len(candidates) else [p for p in candidates if p.grad is not None]
    )
    settings: dict[str, Any] = optimizer.__dict__
    scale, found_inf = settings.get("grad_scale"), settings.get("found_inf")
    return Step(parameters, gradients, gate, bool(fused), scale, found_inf, record)


def collect_by_hand(parameters: Iterable[Tensor] | Tensor) -> Step:
    """The gradients of these parameters.

    Raises:
        ClippingError: Gradients were given instead of parameters.
    """
    given = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    # A gradient is no leaf that requires a gradient and has none itself; clipping "its gradient" would do
    # nothing.
    if given and not any(p.requires_grad or p.grad is not None for p in given):
        raise ClippingError(
            "none of the tensors given to the clipper has a gradient or asks for one: "
            "give it the parameters, not their gradients"
        )
    held = [p for p in given if p.grad is not None]
    return Step(held, [p.grad for p in held if p.grad is not None])


def dense_parts(gradients: Sequence[Tensor]) -> list[Tensor]:
    """The stored entries of each gradient as plain dense tensors that share its memory.

    Scaling these scales the gradients: the values of sparse tensors, the local shards of DTensors.
    """
    parts = []
    for gradient in gradients:
        if type(gradient) is not Tensor and hasattr(gradient, "to_local"):
            gradient = gradient.to_local()
        if gradient.layout == torch.sparse_coo:
            gradient = gradient._values()
        elif gradient.layout != torch.strided:
            gradient = gradient.values()
        parts.append(gradient)
    return parts


def scale_gradients(gradients: Sequence[Tensor], factor: float | Tensor) -> None:
    """Multiply gradients in place by one number, in one batched call a device and dtype."""
    with torch.no_grad():
        parts = dense_parts(gradients)
        if isinstance(factor, Tensor):
            for device in {part.device for part in parts}:
                here = [part for part in parts if part.device == device]
                torch._foreach_mul_(here, factor.to(device, non_blocking=True))
        else:
            torch._foreach_mul_(parts, factor)


def scale_each(gradients: Sequence[Tensor], factors: Sequence[float]) -> None:
    """Multiply each gradient in place by its own number, in one batched call; those at 1 are not touched."""
    clipped = [i for i, factor in enumerate(factors) if factor != 1.0]
    if clipped:
        with torch.no_grad():
            torch._foreach_mul_(
                dense_parts([gradients[i] for i in clipped]), [float(factors[i]) for i in clipped]
            )
