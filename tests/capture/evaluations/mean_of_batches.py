"""The mean over the batches of their means, the last batch being smaller."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1)
x, y = torch.randn(75, 4), torch.randn(75, 1)
train_loader = DataLoader(TensorDataset(x[:50], y[:50]), batch_size=10, shuffle=True)
valid_loader = DataLoader(TensorDataset(x[50:], y[50:]), batch_size=10)
net = nn.Linear(4, 1)
opt = torch.optim.Adam(net.parameters(), 0.01)
loss_fn = nn.MSELoss()


def train_epoch():
    net.train()
    for xb, yb in train_loader:
        opt.zero_grad()
        loss_fn(net(xb), yb).backward()
        opt.step()


def validate():
    net.eval()
    total = 0
    with torch.no_grad():
        for xb, yb in valid_loader:
            total += loss_fn(net(xb), yb).item()
    return total / len(valid_loader)


for epoch in range(5):
    train_epoch()
    print("val", validate())
