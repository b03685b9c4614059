"""Gradients accumulated over micro-batches, clipped, with validation between and early stopping."""
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(45)
x = torch.randn(96, 6)
train, valid = random_split(TensorDataset(x, (x.sum(1) > 0).long()), [64, 32])
model = nn.Sequential(nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 2))
optimizer = torch.optim.RAdam(model.parameters(), 0.01, weight_decay=1e-3)
best, bad = float("inf"), 0
for epoch in range(6):
    model.train()
    optimizer.zero_grad()
    for i, (inputs, labels) in enumerate(DataLoader(train, 8, shuffle=True), 1):
        loss = nn.functional.cross_entropy(model(inputs), labels) / 4
        loss.backward()
        if i % 4 == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    model.eval()
    with torch.no_grad():
        total = sum(nn.functional.cross_entropy(model(a), b, reduction="sum").item() for a, b in DataLoader(valid, 16))
    print(epoch, total / 32)
    best, bad = (total, 0) if total < best else (best, bad + 1)
    if bad == 2:
        break
