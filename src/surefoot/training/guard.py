"""Which clipper a run gets, and the one that only keeps gradients that are not finite from the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.optim import LBFGS, Optimizer

from surefoot.clipping import Clipper
from surefoot.clipping.by_threshold import ThresholdClipper
from surefoot.clipping.chosen import chosen

MOST_SKIPS = 20  # in a row, before a run counts as diverged


class NonfiniteGuard(ThresholdClipper):
    """Clips nothing; leaves out steps whose gradients are NaN or infinite.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(1))
        >>> optimizer = torch.optim.SGD([weight], lr=1.0)
        >>> guard = NonfiniteGuard().attach(optimizer)
        >>> weight.grad = torch.tensor([torch.nan])
        >>> optimizer.step()
        >>> weight.item()
        1.0
    """

    def _thresholds(self, units: Sequence[str], norms: Sequence[float], record: bool) -> list[float]:
        return [inf] * len(units)

    def _thresholds_on_device(self, units: tuple[str, ...], norms: Tensor, record: Tensor) -> Tensor:
        return torch.full_like(norms, inf)


def surely_finite(gradients: Iterable[Tensor]) -> bool:
    """Whether gradients are known to be finite, for what it costs to add them up.

    Returns:
        False where an entry is NaN or infinite, and where it could not be told so cheaply.

    Example:
        >>> surely_finite([torch.ones(2), torch.zeros(1)]), surely_finite([torch.tensor([1.0, torch.nan])])
        (True, False)
    """
    total: Any = 0.0  # complex for complex ones
    for gradient in gradients:
        if type(gradient) is not Tensor or not gradient.is_cpu:
            return False
        # tolist reads host memory as it is; item would dispatch a synchronising operation.
        total += gradient.sum().tolist()
    # One entry that is not finite makes the sum so; a sum that merely overflows is looked at again by the guard.
    return bool(total - total == 0)


def clipper_for(clip: Any, optimizer: Optimizer) -> Clipper:
    """The clipper that `fit(clip=…)` means.

    Args:
        clip: "auto": AutoClip, or for lbfgs nothing but the guard, because its line search needs true
            gradients; a
            number: the largest norm; None: nothing but the guard; or a clipper, as it is.
        optimizer: Whose gradients.

    Raises:
        SettingError: It is nothing of the kind.
    """
    common: dict[str, Any] = {"max_consecutive_skips": MOST_SKIPS}
    lbfgs_by_default = isinstance(clip, str) and clip == "auto" and isinstance(optimizer, LBFGS)
    return NonfiniteGuard(**common) if clip is None or lbfgs_by_default else chosen(clip, **common)
