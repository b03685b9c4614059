"""Three folds, each with a new model, validated each epoch."""

import torch
from torch import nn
import torch.nn.functional as F

torch.manual_seed(0)
x, y = torch.randn(60, 4), torch.randn(60, 1)
for fold in range(3):
    held = torch.arange(fold * 20, fold * 20 + 20)
    rest = torch.tensor([i for i in range(60) if i not in set(held.tolist())])
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for epoch in range(3):
        for rows in rest[torch.randperm(40)].split(10):
            optimizer.zero_grad()
            F.mse_loss(model(x[rows]), y[rows]).backward()
            optimizer.step()
        with torch.no_grad():
            print("val", F.mse_loss(model(x[held]), y[held]).item())
