"""Random smooth problems whose gradient NumPy and autograd both have."""

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from torch import nn


@dataclass(frozen=True)
class Problem:
    """½ θᵀAθ − bᵀθ + Σ cos θ over a matrix, in double precision: curved, not convex, gradient known."""

    curvature: np.ndarray  # (n, n), symmetric positive definite
    pull: np.ndarray  # (n,)
    start: np.ndarray  # (n,)
    shape: tuple[int, int]

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        return self.curvature @ theta - self.pull - np.sin(theta)

    def model(self) -> nn.ParameterDict:
        weight = torch.tensor(self.start, dtype=torch.float64).reshape(self.shape)
        return nn.ParameterDict({"weight": nn.Parameter(weight)})

    def loss(self, model: nn.ParameterDict) -> torch.Tensor:
        theta = model["weight"].reshape(-1)
        return (
            theta @ torch.tensor(self.curvature) @ theta / 2
            - torch.tensor(self.pull) @ theta
            + theta.cos().sum()
        )

    def path(self, make, steps: int) -> np.ndarray:
        """Path of the optimizer that `make(model)` gives."""
        model = self.model()
        optimizer = make(model)
        points = [self.start]

        def closure():
            optimizer.zero_grad()
            loss = self.loss(model)
            loss.backward()
            return loss

        for _ in range(steps):
            optimizer.step(closure)
            points.append(model["weight"].detach().reshape(-1).numpy().copy())
        return np.array(points)


@st.composite
def problems(draw) -> Problem:
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = rows * columns
    basis, _ = np.linalg.qr(rng.normal(size=(size, size)))
    curvature = basis @ np.diag(10 ** rng.uniform(-1, 0.5, size)) @ basis.T
    return Problem(
        (curvature + curvature.T) / 2, rng.normal(size=size), rng.normal(size=size), (rows, columns)
    )
