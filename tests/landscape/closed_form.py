"""Surfaces known in closed form, and what must not change when one is drawn."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from surefoot.landscape import Objective

torch.set_num_threads(1)


class Point(nn.Module):
    """Its parameters are the point; there is nothing to forward."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor(values))


def tilted(at: torch.Tensor) -> torch.Tensor:
    """x + 10 y^2 - x y: no symmetry, so that a row shifted by one step or a swapped axis shows."""
    return at[0] + 10 * at[1] ** 2 - at[0] * at[1]


def tilted_objective(*values: float) -> Objective:
    return Objective(Point(*values), compute=lambda model, _: tilted(model.at))


def quadratic_objective(matrix: torch.Tensor, at: torch.Tensor) -> Objective:
    model = Point(*at.tolist()).double()
    return Objective(model, compute=lambda m, _: 0.5 * m.at @ matrix @ m.at)


class Everything(nn.Module):
    """Batch norm with buffers, dropout, a frozen layer, a module in another mode than its parent."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(0.5)
        self.frozen = nn.Linear(6, 6)
        self.last = nn.Linear(6, 2)
        self.frozen.requires_grad_(False)
        self.norm.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.frozen(self.drop(self.norm(self.first(x)).relu())))


def snapshot(model: nn.Module) -> dict[str, object]:
    """All that a landscape must leave bitwise as it was."""
    state: dict[str, object] = {}
    for name, p in model.named_parameters():
        state[name] = (id(p), p.data_ptr(), p._version, p.detach().numpy().tobytes(), p.requires_grad)
        state[name + ".grad"] = None if p.grad is None else (id(p.grad), p.grad.numpy().tobytes())
    for name, b in model.named_buffers():
        state[name] = (id(b), b._version, b.numpy().tobytes())
    for name, module in model.named_modules():
        state["mode " + name] = module.training
        state["hooks " + name] = (len(module._forward_hooks), len(module._forward_pre_hooks))
    state["torch"] = torch.get_rng_state().numpy().tobytes()
    state["numpy"] = repr(np.random.get_state())
    state["python"] = random.getstate()
    state["threads"] = torch.get_num_threads()
    return state
