"""An error inside a custom backward that nobody catches."""
import torch
from torch import nn


class Fragile(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        raise ValueError(f"this backward is broken after {steps} steps")


torch.manual_seed(0)
steps = 0
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
while True:
    out = model(torch.randn(4, 3))
    loss = nn.functional.mse_loss(Fragile.apply(out) if steps == 5 else out, torch.ones(4, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    steps += 1
    print(steps, loss.item())
