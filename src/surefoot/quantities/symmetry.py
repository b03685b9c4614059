"""How different the units of a layer are from each other."""

from __future__ import annotations

import torch
from torch import Tensor


def row_spread(weight: Tensor) -> Tensor:
    """Deviation of a weight's rows from their mean, relative to the weight.

    Args:
        weight: Shape (units, …), at least two dimensions.

    Returns:
        Shape (), float32, in [0, 1]: 0 where all units are identical, near 1 where they are independent; NaN for a
        weight that is zero throughout.

    Example:
        >>> row_spread(torch.ones(4, 3)).item()
        0.0
    """
    rows = weight.detach().to(torch.float32).reshape(weight.shape[0], -1)
    deviation: Tensor = torch.linalg.vector_norm(rows - rows.mean(dim=0)) / torch.linalg.vector_norm(rows)
    return deviation
