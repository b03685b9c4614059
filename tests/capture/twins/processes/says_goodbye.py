"""`sys.exit` with a sentence, from within a context and a finally."""
import sys
from contextlib import ExitStack

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
with ExitStack() as stack:
    stack.callback(print, "left the context")
    stack.enter_context(torch.enable_grad())
    for step in range(10):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
        loss.backward()
        optimizer.step()
        if step == 4:
            sys.exit(f"the loss is {loss.item():.6f}: enough")
