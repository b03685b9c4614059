import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
low, high = y < 5, y >= 5


def fit(model, X, y, optimizer, epochs):
    for epoch in range(epochs):
        for xb, yb in DataLoader(TensorDataset(X, y), batch_size=64, shuffle=True):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(xb), yb)
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} loss {loss.item():.4f}")


model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 5))
fit(model, X[low], y[low], torch.optim.Adam(model.parameters(), 2e-3), 3)

for p in model.parameters():
    p.requires_grad_(False)
model[4] = nn.Linear(32, 5)
fit(model, X[high], y[high] - 5, torch.optim.Adam(model.parameters(), 5e-3), 8)
