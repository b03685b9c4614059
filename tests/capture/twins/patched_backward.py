"""The script wraps `Tensor.backward` and the loss for its own bookkeeping, and puts them back."""
import functools

import torch
import torch.nn.functional as F
from torch import nn

calls = []
original, loss_function = torch.Tensor.backward, F.mse_loss


@functools.wraps(original)
def backward(self, *args, **kwargs):
    calls.append(("backward", self.shape, sorted(kwargs)))
    return original(self, *args, **kwargs)


def mse_loss(*args, **kwargs):
    calls.append(("loss",))
    return loss_function(*args, **kwargs)


torch.manual_seed(15)
model = nn.Linear(4, 2)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
torch.Tensor.backward, F.mse_loss = backward, mse_loss
for step in range(10):
    if step == 7:
        torch.Tensor.backward, F.mse_loss = original, loss_function
    loss = nn.MSELoss()(model(torch.randn(5, 4)), torch.ones(5, 2))
    optimizer.zero_grad()
    loss.backward(retain_graph=step == 3)
    optimizer.step()
print(loss.item(), calls)
print(torch.Tensor.backward is original, F.mse_loss is loss_function)
