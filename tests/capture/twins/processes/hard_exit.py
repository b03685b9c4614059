"""The process ends at once, with no handler run."""
import atexit
import os
import sys

import torch
from torch import nn

atexit.register(print, "never said")
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range(5):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
    loss.backward()
    optimizer.step()
    print(step, loss.item())
sys.stdout.flush()
os._exit(7)
