"""The lab's surfaces once more, written in torch and differentiated by it; slow and obvious."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor, int], Tensor]  # x and y of shape (n,), the step; losses of shape (n,)


def mulberry32(seed: int) -> Callable[[], float]:
    """The lab's random numbers in [0, 1)."""
    state = seed & 0xFFFFFFFF

    def multiply(a: int, b: int) -> int:
        return (a * b) & 0xFFFFFFFF

    def following() -> float:
        nonlocal state
        state = (state + 0x6D2B79F5) & 0xFFFFFFFF
        t = multiply(state ^ (state >> 15), state | 1)
        t ^= (t + multiply(t ^ (t >> 7), t | 61)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 4294967296

    return following


def points(seed: int, outliers: int = 0, count: int = 40) -> tuple[Tensor, Tensor]:
    following = mulberry32(seed)
    x, y = [], []
    for _ in range(count):
        x.append(4 * following() - 2)
        gaussian = math.sqrt(-2 * math.log(1 - following())) * math.cos(2 * math.pi * following())
        y.append(1.5 * x[-1] - 0.5 + 0.5 * gaussian)
    first = math.floor(following() * count)
    for number in range(outliers):
        y[(first + 13 * number) % count] += 25
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y, dtype=torch.float64)


def batch(step: int, size: int, seed: int, count: int = 40) -> list[int]:
    following = mulberry32(seed * 7919 + (step + 1) * 104729)
    return [math.floor(following() * count) for _ in range(size)]


def line(seed: int, outliers: int = 0, size: int | None = None) -> Loss:
    inputs, targets = points(seed, outliers)

    def loss(m: Tensor, b: Tensor, step: int) -> Tensor:
        rows = range(40) if size is None else batch(step, size, seed)
        return torch.stack([(m * inputs[i] + b - targets[i]) ** 2 for i in rows]).mean(0)

    return loss


def ravine(x: Tensor, y: Tensor, step: int, k: float = 50, angle: float = 20) -> Tensor:
    turn = math.radians(angle)
    along = x * math.cos(turn) + y * math.sin(turn)
    across = y * math.cos(turn) - x * math.sin(turn)
    return along**2 + k * across**2


def cliff(w: Tensor, b: Tensor, step: int) -> Tensor:
    h = torch.full_like(w, 0.5)
    for _ in range(50):
        h = w * torch.sigmoid(h) + b
    return (torch.sigmoid(h) - 0.7) ** 2


def plateau(w: Tensor, b: Tensor, step: int) -> Tensor:
    pairs = ((-2, 0), (-1, 0), (1, 1), (2, 1))
    return torch.stack([(torch.sigmoid(w * x + b) - y) ** 2 for x, y in pairs]).mean(0)


def bicubic(x: Tensor, y: Tensor, losses: Tensor) -> Loss:
    """Keys' interpolation with a = -1/2 between evenly spaced points; the edge's values go on beyond it."""
    basis = torch.tensor(
        [[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=torch.float64
    ) / 2  # fmt: skip

    def weights(t: Tensor) -> Tensor:
        return torch.stack([torch.ones_like(t), t, t**2, t**3], -1) @ basis

    def loss(px: Tensor, py: Tensor, step: int) -> Tensor:
        u, v = (px - x[0]) / (x[1] - x[0]), (py - y[0]) / (y[1] - y[0])
        i = u.detach().floor().long().clamp(0, len(x) - 2)
        j = v.detach().floor().long().clamp(0, len(y) - 2)
        offsets = torch.arange(-1, 3)
        columns = (i[:, None] + offsets).clamp(0, len(x) - 1)
        rows = (j[:, None] + offsets).clamp(0, len(y) - 1)
        patch = losses[rows[:, :, None], columns[:, None, :]]
        return torch.einsum("nab,na,nb->n", patch, weights(v - j), weights(u - i))

    return loss


SURFACES: dict[str, Loss] = {
    "bowl": lambda x, y, step: x**2 + 4 * y**2,
    "ravine": ravine,
    "line": line(1),
    "rosenbrock": lambda x, y, step: (1 - x) ** 2 + 100 * (y - x**2) ** 2,
    "himmelblau": lambda x, y, step: (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2,
    "beale": lambda x, y, step: sum(  # type: ignore[return-value]
        ((c - x + x * y**p) ** 2 for p, c in ((1, 1.5), (2, 2.25), (3, 2.625))), torch.zeros_like(x)
    ),
    "saddle": lambda x, y, step: x**2 / 2 + y**4 / 4 - y**2 / 2,
    "plateau": plateau,
    "cliff": cliff,
    "noise": line(1, size=2),
    "outliers": line(1, outliers=2, size=4),
    "formula": lambda x, y, step: torch.sin(x) * torch.cos(y) + (x**2 + y**2) / 20,
}
