"""Fabric: its own backward, a validation function that returns a mean of tensors."""

import lightning as L
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(90, 4), torch.randint(0, 3, (90,))
fabric = L.Fabric(accelerator="cpu", devices=1)
model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
model, optimizer = fabric.setup(model, torch.optim.Adam(model.parameters(), 0.01))
train_loader, val_loader = fabric.setup_dataloaders(
    DataLoader(TensorDataset(x[:60], y[:60]), 12, shuffle=True), DataLoader(TensorDataset(x[60:], y[60:]), 9)
)


@torch.no_grad()
def validate(model, loader):
    model.eval()
    losses = torch.zeros(len(loader))
    for k, (a, b) in enumerate(loader):
        losses[k] = F.cross_entropy(model(a), b)
    model.train()
    return losses.mean()


for epoch in range(4):
    for a, b in train_loader:
        loss = F.cross_entropy(model(a), b)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
    print("val", validate(model, val_loader).item())
