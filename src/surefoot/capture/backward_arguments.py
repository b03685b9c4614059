"""What a backward was called with: its losses, their gradients, the leaves asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from surefoot.capture.roots import Parts
from surefoot.capture.unseen import readable


def first_of(tensors: Any) -> Tensor | None:
    """The first tensor of one or several."""
    if isinstance(tensors, Tensor):
        return tensors
    return next((tensor for tensor in tensors if isinstance(tensor, Tensor)), None)


def root_of(tensors: Any) -> Tensor:
    """What stands for a backward of several tensors: their sum where they are losses, else the first of them."""
    if isinstance(tensors, Tensor):
        return tensors
    roots = [tensor for tensor in tensors if isinstance(tensor, Tensor)]
    if len(roots) == 1 or any(root.numel() != 1 or readable(root) is not root for root in roots):
        return roots[0]
    total = roots[0]
    for root in roots[1:]:
        total = total + root
    return total


def parts_of(tensors: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Parts:
    """The tensors of a backward, each with its gradient; as torch.autograd's functions take them."""
    given = args[0] if args else kwargs.get("grad_tensors", kwargs.get("grad_outputs"))
    roots = (tensors,) if isinstance(tensors, Tensor) else tensors
    gradients = (
        list(given) if isinstance(given, (list, tuple)) else [given if isinstance(given, Tensor) else None]
    )
    gradients += [None] * (len(roots) - len(gradients))
    return [
        (root, gradient)
        for root, gradient in zip(roots, gradients, strict=False)
        if isinstance(root, Tensor) and root.requires_grad
    ]


def leaves_named(inputs: Any) -> Sequence[Tensor] | None:
    """The leaves that a backward is asked for by name, if any; an iterator is left alone, it can be read once only."""
    if isinstance(inputs, Tensor):
        return (inputs,)
    return inputs if isinstance(inputs, (list, tuple)) else None


def descended(outputs: Any, inputs: Any) -> tuple[Tensor | None, tuple[Tensor, ...]]:
    """The loss and the leaves that `torch.autograd.grad` is asked for; no loss where it is something else."""
    roots = (outputs,) if isinstance(outputs, Tensor) else outputs
    leaves = (inputs,) if isinstance(inputs, Tensor) else inputs
    loss = len(roots) == 1 and isinstance(roots[0], Tensor) and roots[0].numel() == 1
    if not loss or not all(isinstance(leaf, Tensor) and leaf.is_leaf for leaf in leaves):
        return None, ()
    return roots[0], leaves
