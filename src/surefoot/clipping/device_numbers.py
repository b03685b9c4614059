"""Constants that lie on a device already: a Python number in `torch.where` costs a launch each time."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def device_number(value: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """`value` as a tensor of shape () on `device`, made once.

    Example:
        >>> device_number(1.0, torch.device("cpu"), torch.float64)
        tensor(1., dtype=torch.float64)
    """
    return torch.full((), value, device=device, dtype=dtype)
