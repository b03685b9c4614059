"""AGC: each output unit's gradient is clipped relative to the unit's own weights.

n: gradients      R: output units (rows) of all of them together
"""

from __future__ import annotations

import math
from itertools import accumulate
from math import inf
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from surefoot.clipping.base import NOT_A_NUMBER, Clipper
from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import ClippingError, SettingError


class AdaptiveGradientClip(Clipper):
    """Clips each output unit's gradient to a share of the norm of the unit's weights.

    The output units of a weight are its rows (first dimension); a bias, a gain or a scalar is one unit. The
    paper leaves the last linear layer alone: give it a parameter group with `clip=False`.

    Args:
        clipping: λ > 0: the largest ratio of gradient norm to weight norm. Unit: ratio. The paper takes 0.01
            for large batches and up to 0.16 for small ones.
        eps: Weight norms below this count as this, so that units that start at zero can move. Unit: that of a
            weight.
        common: What every `Clipper` takes.

    Raises:
        SettingError: A setting is outside its range.

    Source: Brock, De, Smith, Simonyan 2021, "High-Performance Large-Scale Image Recognition Without
        Normalization", arXiv:2102.06171, equation 3. Differs: no epsilon under the gradient's norm.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        >>> weight.grad = torch.tensor([[0.0, 1.0], [0.0, 0.05]])
        >>> result = AdaptiveGradientClip(clipping=0.1)([weight])
        >>> weight.grad
        tensor([[0.0000, 0.5000],
                [0.0000, 0.0500]])
    """

    def __init__(self, clipping: float = 0.01, *, eps: float = 1e-3, **common: Any) -> None:
        super().__init__(**common)
        if not 0 < clipping < inf:
            raise SettingError(f"clipping={clipping} must be a positive ratio")
        if not 0 < eps < inf:
            raise SettingError(f"eps={eps} must be a positive number")
        self.clipping = float(clipping)
        self.eps = float(eps)
        self._unit_norms: list[Tensor] = []
        self._joined: tuple[NDArray[Any], list[int]] | None = None  # the same, in host memory

    @torch.no_grad()
    def _measure(self, step: Step, dtype: torch.dtype) -> Tensor:
        for i, gradient in enumerate(step.gradients):
            if gradient.layout == torch.sparse_coo:
                step.parameters[i].grad = step.gradients[i] = gradient.coalesce()
        self._unit_norms = [_unit_norms(gradient, dtype) for gradient in step.gradients]
        if any(hasattr(gradient, "placements") for gradient in step.gradients):
            return super()._measure(step, dtype)  # units are of this rank's shards, norms are of the whole
        if not self.on_host(step.gradients[0]):
            return torch.stack(torch._foreach_norm(self._unit_norms, 2.0, dtype))
        self._joined = joined, starts = _joined(self._unit_norms)
        squares = np.square(joined, dtype=np.float64)
        if all(units.numel() for units in self._unit_norms):
            sums = np.add.reduceat(squares, starts)
        else:
            sums = np.array([part.sum() for part in np.split(squares, starts[1:])])
        with np.errstate(over="ignore"):  # an infinite norm is measured again, in float64
            norms = np.sqrt(sums).astype(np.float32 if dtype == torch.float32 else np.float64)
        return torch.from_numpy(norms)

    def _clip_on_host(self, step: Step, values: list[float], norm: float) -> tuple[float, float]:
        # Numbers of a few bytes a unit: in NumPy, whose calls cost a third of torch's.
        gradients, starts = self._joined if self._joined is not None else _joined(self._unit_norms)
        self._joined = None
        weights, _ = _joined(self._weight_norms(step, self._unit_norms[0].dtype))
        limits = self.clipping * np.maximum(weights, self.eps)
        if step.scale is not None:
            limits *= step.scale.cpu().numpy()
        over = gradients > limits
        if not over.any():
            return NOT_A_NUMBER, 1.0
        factors = np.ones_like(gradients)
        np.divide(limits, gradients, out=factors, where=over)
        with torch.no_grad():
            for part, start, units in zip(dense_parts(step.gradients), starts, self._unit_norms, strict=True):
                end = start + units.numel()
                if over[start:end].any():
                    part.mul_(_as_rows(torch.from_numpy(factors[start:end]), part))
        before = np.square(gradients, dtype=np.float64)
        return NOT_A_NUMBER, min(1.0, math.sqrt((before * np.square(factors)).sum() / before.sum()))

    def _clip_on_device(
        self, step: Step, norms: Tensor, norm: Tensor, record: Tensor, usable: Tensor
    ) -> tuple[Tensor, Tensor]:
        sizes = [units.numel() for units in self._unit_norms]
        factors = torch.where(usable, self._factors(step), 1.0)
        with torch.no_grad():
            for part, own in zip(dense_parts(step.gradients), factors.split(sizes), strict=True):
                part.mul_(_as_rows(own, part))
        shrinkage = self._shrinkage(step, factors).to(norm.dtype)
        return torch.full_like(norm, torch.nan), torch.where(usable, shrinkage, 1.0)

    @torch.no_grad()
    def _weight_norms(self, step: Step, dtype: torch.dtype) -> list[Tensor]:
        pairs = zip(step.parameters, step.gradients, strict=True)
        return [_unit_norms(_rows_with_gradient(p, g), dtype) for p, g in pairs]

    def _factors(self, step: Step) -> Tensor:
        """Clip factor of every unit, shape (R,)."""
        device = self._unit_norms[0].device
        gradients = torch.cat([units.flatten().to(device) for units in self._unit_norms])
        weights = torch.cat([units.to(device) for units in self._weight_norms(step, gradients.dtype)])
        limits = self.clipping * weights.clamp(min=self.eps)
        if step.scale is not None:
            limits = limits * step.scale.to(device)
        return torch.where(gradients > limits, limits / gradients, 1.0)

    def _shrinkage(self, step: Step, factors: Tensor) -> Tensor:
        """Norm after clipping over norm before, of this rank's gradients."""
        norms = torch.cat([units.flatten().to(factors.device) for units in self._unit_norms])
        before = torch.linalg.vector_norm(norms, dtype=torch.float64)
        after = torch.linalg.vector_norm(norms * factors, dtype=torch.float64)
        return torch.where(before > 0, after / before, 1.0).clamp(max=1.0)

    def _why_not_one_factor(self) -> str | None:
        return "each output unit has a factor of its own"

    def _settings(self) -> dict[str, Any]:
        return {"clipping": self.clipping, "eps": self.eps, **super()._settings()}


def _joined(norms: list[Tensor]) -> tuple[NDArray[Any], list[int]]:
    """All units' norms in host memory, shape (R,), and where each tensor's begin."""
    sizes = [units.numel() for units in norms]
    starts = [0, *accumulate(sizes[:-1])]
    return np.concatenate([units.cpu().numpy() for units in norms]), starts


def _unit_norms(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Norm of each row, shape (rows,); of the whole where there is one dimension or none, shape (1,)."""
    if tensor.layout == torch.sparse_coo:
        tensor = tensor.values()
    dimensions = tensor.dim()  # of the weight itself: a complex vector is one unit, not a row an entry
    if tensor.is_complex():
        tensor = torch.view_as_real(tensor)
    wide = torch.float64 if tensor.dtype == torch.float64 else dtype
    if dimensions < 2:
        tensor = tensor.reshape(1, -1)
    norms: Any = torch.linalg.vector_norm(tensor, 2, list(range(1, tensor.dim())), dtype=wide)
    return _local_units(norms) if hasattr(norms, "placements") else norms


def _local_units(norms: Any) -> Tensor:
    """The norms of this rank's rows."""
    from torch.distributed.tensor import Replicate

    whole = [Replicate() if placement.is_partial() else placement for placement in norms.placements]
    return norms.redistribute(placements=whole).to_local()  # type: ignore[no-any-return]


def _rows_with_gradient(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The parameter; under a sparse gradient only the rows that it touches."""
    if gradient.layout != torch.sparse_coo:
        return parameter
    if gradient.sparse_dim() != 1:
        raise ClippingError(
            "AdaptiveGradientClip cannot tell the output units of a gradient with "
            f"{gradient.sparse_dim()} sparse dimensions: put its parameter in a group with clip=False"
        )
    return parameter.detach()[gradient.indices()[0]]


def _as_rows(factors: Tensor, part: Tensor) -> Tensor:
    """Factors shaped so that they multiply the rows of `part`, in their own precision.

    A factor may be too small for the dtype of `part` (1e-8 is 0 in half precision, 1e-42 has three bits left in
    single), where its product with a large gradient is not.
    """
    return factors.to(part.device).reshape([-1, *[1] * (part.dim() - 1)][: part.dim()])
