"""Gradient norms: device tensors in, device tensors out, never a host synchronisation.

The plain dense case is two kernels, one batched norm and one stack. Whatever that case refuses (sparse
gradients, several devices, float64, DTensor shards, other tensor subclasses) goes tensor by tensor.

    n: number of gradients
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from surefoot.interrupts import pass_on


def per_parameter_norms(gradients: Sequence[Tensor], dtype: torch.dtype = torch.float32) -> Tensor:
    """L2 norm of each gradient.

    Args:
        gradients: n tensors of any shapes, dtypes and devices; sparse ones are coalesced, the shards of a
            DTensor are reduced over their mesh (one all-reduce for all of them).
        dtype: What the squares are summed in, float32 or float64. Half-precision gradients never sum in half.

    Returns:
        Shape (n,), `dtype`, on the first gradient's device.

    Effects: no host synchronisation; communicates only for sharded DTensors.

    Example:
        >>> per_parameter_norms([torch.tensor([3.0, 4.0]), torch.tensor([[2.0]])])
        tensor([5., 2.])
    """
    if not gradients:
        return torch.zeros(0, dtype=dtype)
    if type(gradients[0]) is Tensor:
        try:
            norms = torch.stack(torch._foreach_norm(list(gradients), 2.0, dtype))
        except (RuntimeError, NotImplementedError) as error:
            pass_on(
                error
            )  # else sparse, narrowing, mixed devices or mixed tensor classes: the careful way below
        else:
            return norms.detach() if norms.requires_grad else norms
    return _careful_norms(gradients, dtype)


def global_norm(norms: Tensor) -> Tensor:
    """L2 norm of the gradient whose parts have these norms.

    Args:
        norms: Shape (n,), as `per_parameter_norms` returns them.

    Returns:
        Shape (), the dtype and device of `norms`. Squares are summed in float64 where the device has it, so
        that norms of 1e-30 or 1e30 neither vanish nor overflow.

    Example:
        >>> global_norm(torch.tensor([3e30, 4e30]))
        tensor(5.0000e+30)
    """
    if norms.device.type == "mps":  # no float64 there
        narrow: Tensor = torch.linalg.vector_norm(norms)
        return narrow
    norm: Tensor = torch.linalg.vector_norm(norms, dtype=torch.float64)
    return norm.to(norms.dtype)


@torch.no_grad()
def _careful_norms(gradients: Sequence[Tensor], dtype: torch.dtype) -> Tensor:
    shards = [i for i, gradient in enumerate(gradients) if _is_dtensor(gradient)]
    reduced = _sharded_norms([gradients[i] for i in shards], dtype) if shards else []
    norms: list[Tensor | None] = [None] * len(gradients)
    for i, norm in zip(shards, reduced, strict=True):
        norms[i] = norm
    device = gradients[0].device
    return torch.stack(
        [
            (_one_norm(gradient, dtype) if norm is None else norm).to(device=device, dtype=dtype)
            for gradient, norm in zip(gradients, norms, strict=True)
        ]
    )


def _one_norm(gradient: Tensor, dtype: torch.dtype) -> Tensor:
    if gradient.layout == torch.sparse_coo:
        # Duplicate indices add up before they are squared.
        gradient = gradient.coalesce().values()
    elif gradient.layout != torch.strided:
        gradient = gradient.values()
    if gradient.is_complex():
        gradient = torch.view_as_real(gradient)
    wide = torch.float64 if gradient.dtype == torch.float64 else dtype
    norm: Tensor = torch.linalg.vector_norm(gradient, dtype=wide)
    return norm


def _is_dtensor(tensor: Tensor) -> bool:
    # Asked of the class, so that torch.distributed is not imported for it.
    return hasattr(tensor, "placements") and hasattr(tensor, "device_mesh")


def _sharded_norms(gradients: Sequence[Any], dtype: torch.dtype) -> list[Tensor]:
    """Norms of DTensors: squares of the local shards, summed over the mesh dimensions that shard them.

    All gradients sharded alike share one all-reduce; a replicated dimension counts once.
    """
    from torch.distributed.tensor import Replicate

    # Per kind of sharding: positions of the gradients, and their local shards.
    alike: dict[tuple[Any, tuple[int, ...]], tuple[list[int], list[Tensor]]] = {}
    for i, gradient in enumerate(gradients):
        if any(placement.is_partial() for placement in gradient.placements):
            # A sum that is still due has no norm; make it first.
            placements = [Replicate() if p.is_partial() else p for p in gradient.placements]
            gradient = gradient.redistribute(placements=placements)
        dims = tuple(d for d, placement in enumerate(gradient.placements) if not placement.is_replicate())
        positions, locals_ = alike.setdefault((gradient.device_mesh, dims), ([], []))
        positions.append(i)
        locals_.append(gradient.to_local())
    norms: list[Tensor] = [torch.empty(0)] * len(gradients)
    for (mesh, dims), (positions, locals_) in alike.items():
        local = per_parameter_norms(locals_, dtype)
        if dims:
            local = _sum_over_mesh(local, mesh, dims)
        for i, norm in zip(positions, local.unbind(), strict=True):
            norms[i] = norm
    return norms


def _sum_over_mesh(norms: Tensor, mesh: Any, dims: tuple[int, ...]) -> Tensor:
    import torch.distributed as dist

    # float64: the square of a float32 norm must neither vanish nor overflow.
    wide = norms if norms.device.type == "mps" else norms.double()
    squares = wide.square()
    for dim in dims:
        dist.all_reduce(squares, group=mesh.get_group(dim))
    return squares.sqrt().to(norms.dtype)
