"""Tiny seeded trainings that the tests of clipping share."""

from __future__ import annotations

import copy

import torch
from torch import nn


def make_model(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1))


def make_parameters(seed=0):
    """Bare parameters of several shapes, one of them a scalar."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((5, 4), (5,), (3, 2, 2), ())
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def random_gradients(parameters, steps, seed=1, spread=1.0):
    """A list of gradients a step, of lengths that differ by orders of magnitude."""
    generator = torch.Generator().manual_seed(seed)
    out = []
    for _ in range(steps):
        length = torch.exp(spread * torch.randn((), generator=generator))
        out.append([torch.randn(p.shape, generator=generator) * length for p in parameters])
    return out


def set_gradients(parameters, gradients):
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = None if g is None else g.clone()


def batches(count, seed=2):
    generator = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(16, 6, generator=generator), torch.randn(16, 1, generator=generator))
        for _ in range(count)
    ]


def loss_of(model, batch):
    inputs, targets = batch
    return nn.functional.mse_loss(model(inputs), targets)


def train(model, optimizer, data, each=None):
    for i, batch in enumerate(data):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
        if each:
            each(i)


def frozen(model_or_parameters, optimizer):
    """A copy of weights and optimizer state, to be compared bitwise."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    weights = [p.detach().clone() for p in parameters]
    groups = [{k: copy.deepcopy(v) for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    return weights, copy.deepcopy(dict(enumerate(optimizer.state.values()))), groups


def same(first, second):
    """Bitwise equality of nested values, NaN equal to NaN."""
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(
            first.detach().reshape(-1).view(torch.uint8), second.detach().reshape(-1).view(torch.uint8)
        )
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second or (first != first and second != second))
