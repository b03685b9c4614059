"""All three global random generators are drawn from between and within the steps."""
import random

import numpy as np
import torch
from torch import nn

random.seed(12)
np.random.seed(12)
torch.manual_seed(12)
model = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Dropout(0.4), nn.Linear(12, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
data = torch.from_numpy(np.random.randn(64, 5).astype("float32"))
for step in range(12):
    rows = random.sample(range(64), 16)
    noise = torch.from_numpy(np.random.normal(size=(16, 5)).astype("float32")) * 0.1
    x = data[rows] + noise
    if random.random() < 0.3:
        x = x.flip(1)
    loss = nn.functional.smooth_l1_loss(model(x), data[rows].sum(1, keepdim=True) + torch.rand(16, 1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for p in model.parameters():
        with torch.no_grad():
            p.add_(torch.randn_like(p), alpha=1e-4)
    print(step, loss.item(), random.random(), np.random.rand(), torch.rand(()).item())
