"""Numbers that lie in the host's own memory already: read at once, with no operation and no synchronisation."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from surefoot.capture.unseen import all_readable
from surefoot.interrupts import pass_on
from surefoot.norms import per_parameter_norms

Norms = Tensor | tuple[Tensor, ...] | list[Tensor]
FEW = 64  # gradients up to which their norms are left apart
read_float = ctypes.c_float.from_address  # of an address; the caller has made sure of what lies there
_C_TYPES = {torch.float32: ctypes.c_float, torch.float64: ctypes.c_double}


def host_number(scalar: Tensor) -> float | None:
    """The value of a scalar on the CPU; None where it lies elsewhere, or is not a plain float32 or float64.

    Args:
        scalar: Any tensor.

    Example:
        >>> host_number(torch.tensor(0.5)), host_number(torch.tensor([1.0, 2.0]))
        (0.5, None)
    """
    kind = _C_TYPES.get(scalar.dtype)
    if kind is None or type(scalar) is not Tensor or not scalar.is_cpu or scalar.numel() != 1:
        return None
    if scalar.layout is not torch.strided or scalar.is_neg():
        return None
    return float(kind.from_address(scalar.data_ptr()).value)


def gradient_norms(gradients: Sequence[Tensor]) -> Norms | None:
    """L2 norm of each gradient, left as it is made: to stack them costs a small model more than to measure them.

    Args:
        gradients: At least one.

    Returns:
        For `host_norm` where few plain gradients lie on the CPU; elsewhere shape (n,) as `per_parameter_norms` has it.
        None where some are not here to be read (`readable`): the norm of the rest would be another number.
    """
    found = all_readable(gradients)
    if found is None:
        return None
    first = found[0]
    if len(found) <= FEW and type(first) is Tensor and first.is_cpu:
        try:
            norms = torch._foreach_norm(found, 2.0, torch.float32)
            return norms if not norms[0].requires_grad else [norm.detach() for norm in norms]
        except (RuntimeError, NotImplementedError) as error:
            pass_on(error)  # else sparse, float64, mixed: the careful way
    return per_parameter_norms(found)


def host_norm(norms: Sequence[Tensor]) -> float:
    """Global norm from the norms of the parts.

    Example:
        >>> host_norm(gradient_norms([torch.tensor([3.0]), torch.tensor([[4.0]])]))
        5.0
    """
    total = 0.0
    for norm in norms:
        part = read_float(norm.data_ptr()).value if norm.is_cpu else norm.item()
        total += part * part
    return math.sqrt(total)
