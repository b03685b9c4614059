"""Exit handlers of the script's own run last, in their order, and find its state."""
import atexit
import sys

import torch
from torch import nn


def last_words():
    print("weights", model.weight.sum().item(), "main" in sys.modules, sys.modules["__main__"].__file__ == __file__)
    loss = model(torch.ones(2, 3)).square().mean()
    loss.backward()
    optimizer.step()
    print("after", loss.item(), torch.rand(()).item())


atexit.register(last_words)
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(5):
    optimizer.zero_grad()
    nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1)).backward()
    optimizer.step()
atexit.register(print, "registered last, run first")
sys.exit(3)
