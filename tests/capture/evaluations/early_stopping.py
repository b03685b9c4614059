"""Early stopping; the best weights come back and are tested, and validated once more, from other lines."""

import copy
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(5)
x, y = torch.randn(150, 6), torch.randn(150, 1)
train_loader = DataLoader(TensorDataset(x[:90], y[:90]), 30, shuffle=True)
val_loader = DataLoader(TensorDataset(x[90:120], y[90:120]), 30)
test_loader = DataLoader(TensorDataset(x[120:], y[120:]), 30)
model = nn.Sequential(nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), 0.02)
criterion = nn.L1Loss()


def evaluate(model, loader):
    model.eval()
    total, count = 0.0, 0
    with torch.inference_mode():
        for a, b in loader:
            total += criterion(model(a), b).item() * a.size(0)
            count += a.size(0)
    return total / count


best, kept, waited = float("inf"), None, 0
for epoch in range(40):
    model.train()
    for a, b in train_loader:
        loss = criterion(model(a), b)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    val_loss = evaluate(model, val_loader)
    print("val", val_loss)
    if val_loss < best:
        best, kept, waited = val_loss, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
        if waited >= 3:
            break
model.load_state_dict(kept)
print("test", evaluate(model, test_loader))
