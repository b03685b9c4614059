"""A deep sigmoid network, whose gradient vanishes; with --residual, its twin, whose gradient does not."""

import argparse

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width: int, residual: bool) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.residual = residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.sigmoid(self.linear(x))
        return x + out if self.residual else out


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--residual", action="store_true", help="add each block's input to its output")
parser.add_argument("--blocks", type=int, default=12)
parser.add_argument("--steps", type=int, default=200)
arguments = parser.parse_args()

torch.manual_seed(0)
inputs = torch.randn(256, 16)
labels = (inputs[:, 0] * inputs[:, 1] > 0).long()
blocks = [Block(16, arguments.residual) for _ in range(arguments.blocks)]
model = nn.Sequential(*blocks, nn.Linear(16, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for _ in range(arguments.steps):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), labels)
    loss.backward()
    optimizer.step()
print(f"loss {loss.item():.4f} after {arguments.steps} steps")
