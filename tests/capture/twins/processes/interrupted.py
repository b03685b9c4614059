"""Ctrl-C in the middle of a step, caught once to save, then let through."""
import signal
import sys

import torch
from torch import nn

torch.manual_seed(0)
signal.signal(signal.SIGINT, signal.default_int_handler)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
try:
    for step in range(100):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
        loss.backward()
        if step in (6, 9):
            signal.raise_signal(signal.SIGINT)
        optimizer.step()
except KeyboardInterrupt:
    print("saved at", step, loss.item(), len(model.state_dict()), file=sys.stdout)
    raise
finally:
    print("finally", torch.rand(()).item())
