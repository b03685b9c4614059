"""Learning rates come from stdin, line by line; the last one is not a number."""
import sys

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for line in sys.stdin:
    optimizer.param_groups[0]["lr"] = float(line)
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
    loss.backward()
    optimizer.step()
    print(line.strip(), loss.item(), sys.stdout.isatty())
