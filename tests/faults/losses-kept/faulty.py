"""Diabetes regression; each batch's loss is kept for a curve."""
import torch
from sklearn.datasets import load_diabetes
from torch import nn

torch.manual_seed(15)
X, y = load_diabetes(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor((y - y.mean()) / y.std()).float()[:, None]
model = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
curve = []
for epoch in range(12):
    for rows in torch.randperm(400).split(25):
        loss = nn.functional.mse_loss(model(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss)
held_out = nn.functional.mse_loss(model(X[400:]), y[400:]).item()
kept = sum(entry.requires_grad for entry in map(torch.as_tensor, curve))
print(f"batches {len(curve)} graphs kept {kept} held out {held_out:.4f}")
