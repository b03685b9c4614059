"""Both ends of a symmetric operator's spectrum by Lanczos, with a bound on the error of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

_EVERY = 5  # products between two looks at the ends
_RELATIVE = 1e-4  # of an end's own size: four digits
_FLAT = 1e-7  # of the greatest size: an end that is zero as far as products in float32 can tell


@dataclass(frozen=True, slots=True)
class Ends:
    """The two ends as far as they are known.

    Args:
        top: Largest eigenvalue of the operator on the space that was searched; never above the true one.
        bottom: Smallest; never below the true one.
        top_residual: Norm of A v - top v: an eigenvalue lies within it of `top`.
        bottom_residual: The same of `bottom`.
        vector: The unit vector of `top`.
    """

    top: float
    bottom: float
    top_residual: float
    bottom_residual: float
    vector: Tensor

    def resolved(self) -> bool:
        """Whether both residuals are small beside what they belong to."""
        scale = max(abs(self.top), abs(self.bottom))
        ends = ((self.top, self.top_residual), (self.bottom, self.bottom_residual))
        return all(residual <= max(_RELATIVE * abs(end), _FLAT * scale) for end, residual in ends)

    def near(self, other: Ends | None) -> bool:
        """Whether the ends have not moved since `other`: a small residual alone may belong to an inner eigenvalue."""
        if other is None:
            return False
        scale = max(abs(self.top), abs(self.bottom))
        pairs = ((self.top, other.top), (self.bottom, other.bottom))
        return all(abs(now - then) <= max(_RELATIVE * abs(now), _FLAT * scale) for now, then in pairs)


def lanczos(
    apply: Callable[[Tensor], Tensor],
    size: int,
    steps: int,
    *,
    rounding: float,
    generator: torch.Generator,
    device: torch.device,
) -> Ends:
    """Search both ends until both are found, or for so many products.

    Args:
        apply: The operator: float64 vector to float64 vector.
        size: Its dimension.
        steps: Most products, at least 1.
        rounding: Relative error of a product; no residual is given as smaller than that.
        generator: Of the first vector.
        device: Where vectors live.

    Returns:
        The ends; those of the whole spectrum after `size` products.

    Source: Lanczos 1950; fully reorthogonalised (Parlett, The Symmetric Eigenvalue Problem, 1980, section 13.1).
    """
    vector = torch.randn(size, generator=generator, dtype=torch.float64).to(device)
    basis = [vector / vector.norm()]
    diagonal: list[float] = []
    beside: list[float] = []
    before: Ends | None = None
    while True:
        image = apply(basis[-1])
        diagonal.append(float(basis[-1] @ image))
        span = torch.stack(basis)
        for _ in range(2):  # once is not enough in floating point
            image = image - span.T @ (span @ image)
        beside.append(float(image.norm()))
        last = len(basis) == min(steps, size) or beside[-1] <= rounding * max(map(abs, diagonal))
        if last or len(basis) % _EVERY == 0:
            found = _ends(basis, diagonal, beside, rounding)
            if last or (found.resolved() and found.near(before)):
                return found
            before = found
        basis.append(image / beside[-1])


def _ends(basis: list[Tensor], diagonal: list[float], beside: list[float], rounding: float) -> Ends:
    matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64))
    inner = torch.tensor(beside[:-1], dtype=torch.float64)
    values, vectors = torch.linalg.eigh(matrix + torch.diag(inner, 1) + torch.diag(inner, -1))
    top = torch.stack(basis).T @ vectors[:, -1].to(basis[0].device)
    floor = rounding * float(values.abs().max())
    residuals = [max(floor, abs(beside[-1] * float(vectors[-1, end]))) for end in (-1, 0)]
    return Ends(float(values[-1]), float(values[0]), residuals[0], residuals[1], top / top.norm())
