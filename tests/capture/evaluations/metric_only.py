"""Only an accuracy is measured on held-out data: there is no validation loss."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x, y = torch.randn(90, 4), torch.randint(0, 3, (90,))
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for epoch in range(5):
    for rows in torch.randperm(60).split(20):
        loss = F.cross_entropy(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print("accuracy", (model(x[60:]).argmax(1) == y[60:]).float().mean().item())
