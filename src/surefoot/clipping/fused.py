"""The fused path: the clip factor travels to the optimizer's kernel as its `grad_scale`.

A fused kernel divides each gradient by `grad_scale` while it reads it, so clipping costs no pass of its own.
The attribute exists for GradScaler; what was there before is there again after the step, by presence too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer

# Exactly these: a subclass may read its gradients before, or without, the kernel.
_KERNELS = (Adam, AdamW, SGD, Adagrad)
_ATTRIBUTES = ("grad_scale", "found_inf")


def why_not_fused(optimizer: Optimizer, gradients: list[Tensor] | None = None) -> str | None:
    """Why the factor cannot travel as `grad_scale`; None if it can.

    Args:
        optimizer: The optimizer.
        gradients: This step's gradients, for what only they show.
    """
    name = type(optimizer).__name__
    if type(optimizer) not in _KERNELS:
        return f"{name} has no fused kernel that takes a grad_scale"
    if any(not group.get("clip", True) for group in optimizer.param_groups):
        return "a parameter group with clip=False must keep its gradients"
    if not all(group.get("fused") for group in optimizer.param_groups):
        return f"{name} was made without fused=True"
    for gradient in gradients or ():
        if type(gradient) is not Tensor:
            return f"its gradients are {type(gradient).__name__}s, which not every fused kernel takes"
        if gradient.layout != torch.strided:
            return "it has sparse gradients"
        if gradient.device.type == "cpu" and gradient.dtype in (torch.float16, torch.bfloat16):
            return (
                "torch's fused kernels skip entries of half-precision gradients on the CPU (pytorch#191763)"
            )
    return None


class KernelArguments:
    """`grad_scale` and `found_inf` of one optimizer, lent for one step."""

    __slots__ = ("_lent", "_saved")

    def __init__(self) -> None:
        self._saved: dict[str, Any] | None = None
        self._lent: dict[str, Tensor] = {}

    @property
    def lent(self) -> bool:
        """An attribute is set and was not taken back yet."""
        return self._saved is not None

    def lend(
        self, optimizer: Optimizer, grad_scale: Tensor | None = None, found_inf: Tensor | None = None
    ) -> None:
        """Set the attributes that are not None for the coming step."""
        attributes = optimizer.__dict__
        if self._saved is None:
            self._saved = {name: attributes[name] for name in _ATTRIBUTES if name in attributes}
        if grad_scale is not None:
            attributes["grad_scale"] = self._lent["grad_scale"] = grad_scale
        if found_inf is not None:
            attributes["found_inf"] = self._lent["found_inf"] = found_inf

    def take_back(self, optimizer: Optimizer) -> None:
        """Put back what was there before, and nothing where nothing was."""
        saved, self._saved = self._saved, None
        attributes = optimizer.__dict__
        for name, lent in self._lent.items():
            if attributes.get(name) is lent:
                if saved and name in saved:
                    attributes[name] = saved[name]
                else:
                    del attributes[name]
            elif name == "grad_scale" and attributes.get(name) is not None:
                # A step raised, and GradScaler has since multiplied its scale into what was left behind.
                attributes[name] = attributes[name] / lent
        self._lent.clear()
