"""LBFGS with a closure, the held-out loss after each step, by arrays sliced by hand."""

import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(0)
X = rng.normal(size=(100, 5)).astype(np.float32)
Y = (X @ rng.normal(size=(5, 1)) + 0.1 * rng.normal(size=(100, 1))).astype(np.float32)
X_train, X_test, y_train, y_test = X[:80], X[80:], Y[:80], Y[80:]
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1))
criterion = nn.MSELoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=4)
a, b = torch.from_numpy(X_train), torch.from_numpy(y_train)


def closure():
    optimizer.zero_grad()
    loss = criterion(model(a), b)
    loss.backward()
    return loss


for step in range(8):
    loss = optimizer.step(closure)
    print("loss", loss.item())
    with torch.no_grad():
        print("val", criterion(model(torch.from_numpy(X_test)), torch.from_numpy(y_test)).item())
