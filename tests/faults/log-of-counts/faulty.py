import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(71)
torch.manual_seed(71)
rate = rng.gamma(3.0, 3.0, size=(900, 6))
counts = rng.poisson(rate).astype(np.float32)
target = (np.log(rate[:, 0]) - np.log(rate[:, 1]) + 0.5 * np.log(rate[:, 2])).astype(np.float32)
features = np.log(counts)
with np.errstate(divide="ignore"):
    X = torch.from_numpy(features)
y = torch.from_numpy(target)[:, None]

model = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(10):
    for xb, yb in DataLoader(TensorDataset(X[:700], y[:700]), batch_size=50, shuffle=True):
        opt.zero_grad()
        loss = nn.functional.smooth_l1_loss(model(xb), yb)
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.smooth_l1_loss(model(X[700:]), y[700:]).item():.4f}")
