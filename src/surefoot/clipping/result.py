"""What a clipper did in one step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class ClipResult:
    """What a clipper did in one step.

    Each number is a tensor of shape (), float64 (float32 where the device has no float64), on the device of
    the gradients; reading the attributes never synchronises. Where the clipper already knew the numbers on
    the host, `host` has them as plain floats.

    Attributes:
        norm: Global L2 norm of the gradients before clipping, with a GradScaler's scale taken out.
        threshold: What the norm was held against; NaN where there is no single threshold (several units,
            entries).
        factor: Clip factor in (0, 1]: norm after clipping over norm before; 1 where nothing was clipped, and
            on a step that was skipped. 0 only for a threshold of exactly 0.
        skipped: True (or a device tensor of that) where the gradients were not finite and the step was left
            out.
        norms: Norm of each gradient, shape (n,), float32, before clipping; in the order of `parameters`.
        parameters: The n parameters that had a gradient.
        host: (norm, threshold, factor) as floats, or None where only the device knows.
    """

    __slots__ = ("_device", "_raw_norms", "_scale", "_tensors", "host", "parameters", "skipped")

    def __init__(
        self,
        parameters: Sequence[Tensor],
        norms: Tensor,
        host: tuple[float, float, float] | None = None,
        tensors: tuple[Tensor, Tensor, Tensor] | None = None,
        skipped: bool | Tensor = False,
        scale: Tensor | None = None,
    ) -> None:
        self.parameters = parameters
        self.host = host
        self.skipped = skipped
        self._raw_norms = norms
        self._scale = scale
        self._tensors = tensors

    @property
    def norms(self) -> Tensor:
        """Norm of each gradient, shape (n,)."""
        return self._raw_norms if self._scale is None else self._raw_norms / self._scale

    @property
    def norm(self) -> Tensor:
        """Global norm before clipping, shape ()."""
        return self._three()[0]

    @property
    def threshold(self) -> Tensor:
        """What the norm was held against, shape ()."""
        return self._three()[1]

    @property
    def factor(self) -> Tensor:
        """Norm after clipping over norm before, shape ()."""
        return self._three()[2]

    def _three(self) -> tuple[Tensor, Tensor, Tensor]:
        if self._tensors is None:
            assert self.host is not None
            norm, threshold, factor = torch.tensor(self.host, dtype=torch.float64).unbind()
            self._tensors = (norm, threshold, factor)
        return self._tensors

    def __repr__(self) -> str:
        if self.host is None:
            return f"ClipResult(on {self._raw_norms.device}, {len(self.parameters)} gradients)"
        norm, threshold, factor = self.host
        told = f"norm={norm:.6g}, threshold={threshold:.6g}, factor={factor:.6g}, skipped={self.skipped}"
        return f"ClipResult({told})"
