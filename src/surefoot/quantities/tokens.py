"""How the targets of a sequence lie against its inputs, and what fills its ends. Nothing here waits for a device."""

from __future__ import annotations

import torch
from torch import Tensor

OFFSETS = (-1, 0, 1, 2, 3)  # positions between an input and the target that equals it
CLEAR = 0.9  # agreement at another offset from which repetition, not the script, may have made it


def agreement(inputs: Tensor, targets: Tensor) -> Tensor:
    """The share of targets that equal the input so many positions on.

    Args:
        inputs: Shape (sequences, positions), integers.
        targets: Shape (sequences, positions or a few less), integers; negative ones are left out.

    Returns:
        Shape (5,), float32: for each of `OFFSETS`; NaN where nothing is left.

    Example:
        >>> x = torch.tensor([[4, 7, 5, 9, 6]])
        >>> agreement(x, x[:, 1:]).tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0]
    """
    shares = []
    for offset in OFFSETS:
        first, last = max(0, -offset), min(targets.shape[1], inputs.shape[1] - offset)
        mine = targets[:, first:last]
        counted = mine >= 0
        same = (mine == inputs[:, first + offset : last + offset]) & counted
        shares.append(same.sum() / counted.sum())
    return torch.stack(shares).to(torch.float32)


def reach(gradient: Tensor) -> Tensor:
    """The last position of a sequence with a gradient, shape (), float32; -1: none.

    Args:
        gradient: Shape (positions, features).
    """
    places = torch.arange(1, len(gradient) + 1, device=gradient.device)
    return ((gradient.abs().amax(dim=1) > 0) * places).max().to(torch.float32) - 1


def filling(rows: Tensor) -> Tensor:
    """What fills the ends of sequences.

    Args:
        rows: Shape (sequences, positions), integers.

    Returns:
        Shape (5,), float32: the value that ends most rows, the share of all entries in such ends, the share of rows
        that end in two and more of it, how often it stands elsewhere, longest less shortest end.

    Example:
        >>> filling(torch.tensor([[5, 6, 0, 0], [7, 0, 0, 0], [8, 9, 5, 0]])).tolist()
        [0.0, 0.5, 0.6666666865348816, 0.0, 2.0]
    """
    value = rows[:, -1].mode().values
    filled = rows == value
    ends = filled.flip(1).to(torch.int64).cumprod(dim=1).sum(dim=1)
    numbers = [
        value,
        ends.sum() / rows.numel(),
        (ends >= 2).to(torch.float32).mean(),
        filled.sum() - ends.sum(),
        ends.max() - ends.min(),
    ]
    return torch.stack([number.to(torch.float32) for number in numbers])
