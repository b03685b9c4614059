"""How a clipper measures and clips, and what it does about gradients that are not finite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from surefoot.clipping.skip_count import SkipCount
from surefoot.clipping.spikes import Spikes
from surefoot.clipping.step import Step

Nonfinite = Literal["skip", "zero", "raise", "propagate"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What the two ways to clip a step, on the host and on the device, need to know of a clipper.

    Args:
        measure: Norm of each gradient, shape (n,), in the precision asked for.
        clip_on_host: Clips finite gradients with these norms, in all and of all; returns (threshold, factor).
        clip_on_device: The same on the device: recorded where the fourth argument, clipped where the fifth.
        threshold_now: The threshold without a new norm.
        nonfinite: What happens when a gradient is NaN or infinite.
        allowed: Steps that may be left out in a row.
        skips: How many were.
        spikes: Which steps are left out because their norm is a spike; None where none is.
    """

    measure: Callable[[Step, torch.dtype], Tensor]
    clip_on_host: Callable[[Step, list[float], float], tuple[float, float]]
    clip_on_device: Callable[[Step, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    threshold_now: Callable[[], float]
    nonfinite: Nonfinite
    allowed: int
    skips: SkipCount
    spikes: Spikes | None
