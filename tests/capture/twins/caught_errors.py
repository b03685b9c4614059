"""Errors in forward, backward and step are caught by the script, which trains on."""
import torch
from torch import nn


class Fragile(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, broken):
        ctx.broken = broken
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        if ctx.broken:
            raise ValueError("this backward is broken")
        return grad * 2, None


torch.manual_seed(42)
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range(12):
    optimizer.zero_grad()
    try:
        x = torch.randn(5, 3 if step == 2 else 4)
        loss = nn.functional.mse_loss(Fragile.apply(model(x), step == 5), torch.ones(5, 2))
        if step == 7:
            loss.backward()
        loss.backward()
        if step == 9:
            raise KeyboardInterrupt("no more of this batch")
    except (RuntimeError, ValueError) as error:
        print(step, type(error).__name__, str(error)[:50])
        continue
    except KeyboardInterrupt as interrupt:
        print(step, "interrupted", interrupt)
    optimizer.step()
    print(step, loss.item())
