"""A breakpoint in the loop; the debugger is told what to do on stdin."""
import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range(6):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
    if step == 2:
        breakpoint()
    loss.backward()
    optimizer.step()
print(step, loss.item())
