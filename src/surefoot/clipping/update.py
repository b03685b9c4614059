"""ClipUpdate: an adaptive optimizer's update is clipped, not the gradient."""

from __future__ import annotations

from math import hypot, inf
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.clipping.attachment import stepping
from surefoot.clipping.base import NOT_A_NUMBER, Clipper
from surefoot.clipping.second_moments import keeps_second_moments, root_mean_squares
from surefoot.clipping.step import Step
from surefoot.errors import ClippingError, SettingError

if TYPE_CHECKING:
    from typing_extensions import Self

# A first step's ratio is 1 but for the rounding of float32.
_ROUNDING = 1e-6


class ClipUpdate(Clipper):
    """Shortens a parameter's update where its gradient is larger than its own second moments expect.

    r = sqrt(mean(g² / max(v, eps²))) is about 1 while Adam's v follows the squared gradients, and far above where
    they have grown faster than v does: there Adam's update is too long, whatever the gradient's norm. Such a
    parameter's learning rate is divided by r / max_rms for this step. Gradients and the optimizer's state stay as
    they are. For Adam, AdamW, NAdam, RAdam, RMSprop, and others that keep `exp_avg_sq`.

    Args:
        max_rms: d > 0: the largest ratio that is not clipped. Unit: ratio; 1 in both papers.
        common: What every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.
        ClippingError: (attach) the optimizer keeps no second moments; (called by hand) there is no optimizer.

    Source: Wortsman et al. 2023, "Stable and low-precision training for large-scale vision-language models",
        arXiv:2304.13013, Algorithm 2 (StableAdamW); the ratio and d are Shazeer and Stern 2018, "Adafactor",
        arXiv:1804.04235, section 6. Differs: v is the optimizer's own, with L2 decay and AMSGrad where it has
        them; eps is the optimizer's.

    Example:
        >>> weight = torch.nn.Parameter(torch.zeros(1))
        >>> optimizer = torch.optim.AdamW([weight], lr=0.1)
        >>> clipper = ClipUpdate().attach(optimizer)
        >>> for gradient in (1.0, 1.0, 100.0):
        ...     weight.grad = torch.tensor([gradient])
        ...     optimizer.step()
        >>> round(float(clipper.last.factor), 2)
        0.58
    """

    def __init__(self, max_rms: float = 1.0, **common: Any) -> None:
        super().__init__(**common)
        if not 0 < max_rms < inf:
            raise SettingError(f"max_rms={max_rms} must be a positive ratio")
        self.max_rms = float(max_rms)

    def attach(self, optimizer: Optimizer, model: nn.Module | None = None) -> Self:
        """Clip in each step of an optimizer from now on; see `Clipper.attach`."""
        inner = stepping(optimizer)
        if not keeps_second_moments(inner):
            raise ClippingError(
                f"ClipUpdate reads second moments, which {type(inner).__name__} does not keep: use it with Adam, "
                "AdamW, NAdam, RAdam or RMSprop, or clip gradients, with AutoClip or AdaGC"
            )
        return super().attach(optimizer, model)

    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        sizes: list[float] = root_mean_squares(_optimizer_of(step), step).tolist()
        limit = self.max_rms
        shares = [limit / size if limit * (1 + _ROUNDING) < size < inf else 1.0 for size in sizes]
        if min(shares) == 1:
            return NOT_A_NUMBER, 1.0
        assert step.gate is not None
        step.gate.shorten(step.parameters, shares)
        after = hypot(*(value * share for value, share in zip(values, shares, strict=True)))
        return NOT_A_NUMBER, min(1.0, after / norm) if norm else 1.0

    def _clip_on_device(
        self, step: Step, norms: Tensor, norm: Tensor, record: Tensor, usable: Tensor
    ) -> tuple[Tensor, Tensor]:
        sizes = root_mean_squares(_optimizer_of(step), step)
        over = (sizes > self.max_rms * (1 + _ROUNDING)) & (sizes < inf) & usable.to(sizes.device)
        shares = torch.where(over, self.max_rms / sizes, 1.0)
        assert step.gate is not None
        step.gate.shorten(step.parameters, shares)
        after = torch.linalg.vector_norm(norms * shares.to(norms.device, norms.dtype))
        shrunk = usable & over.any() & (after < norm)
        return torch.full_like(norm, torch.nan), torch.where(shrunk, after / norm, 1.0)

    def _why_not_one_factor(self) -> str | None:
        return "each parameter's update is shortened by itself, after the step"

    def _settings(self) -> dict[str, Any]:
        return {"max_rms": self.max_rms, **super()._settings()}


def _optimizer_of(step: Step) -> Optimizer:
    optimizer = step.gate.optimizer if step.gate is not None else None
    if optimizer is None:
        raise ClippingError(
            "ClipUpdate clips the step of an optimizer: attach it, ClipUpdate().attach(optimizer), "
            "in place of calling it on parameters"
        )
    return optimizer
