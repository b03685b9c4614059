"""Two spirals told apart by a small network, with a fault in its loop: surefoot check examples/spiral.py finds it."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--mended", action="store_true", help="With the line that is missing.")
mended = parser.parse_args().mended

torch.manual_seed(0)
turn = torch.rand(1024) * 1.5 * torch.pi + 0.5
side = torch.randint(0, 2, (1024,))
angle = turn + torch.pi * side
points = torch.stack([turn * angle.cos(), turn * angle.sin()], 1) / 5 + 0.02 * torch.randn(1024, 2)

model = nn.Sequential(nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2))
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
for _ in range(25):
    for rows in torch.randperm(1024).split(128):
        if mended:
            optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(points[rows]), side[rows])
        loss.backward()
        optimizer.step()
