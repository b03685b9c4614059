"""Tiny trainings that the tests of the loop share."""

import torch
from torch import nn


def regression(examples=70, features=5, seed=0):
    """(inputs, targets) of a smooth function."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(examples, features, generator=generator)
    y = (x @ torch.randn(features, 1, generator=generator)).sin() + 0.1 * torch.randn(
        examples, 1, generator=generator
    )
    return x, y


def network(features=5, dropout=0.2, seed=1):
    """A small network that draws random numbers while it trains and counts batches."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(features, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(dropout), nn.Linear(12, 1)
    )


def same(one, two):
    """Whether two models hold the same bits."""
    first, second = one.state_dict(), two.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)
