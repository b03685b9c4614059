import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(112)
X, y = load_iris(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
perm = torch.randperm(150)
X, y = X[perm], y[perm]
loader = DataLoader(TensorDataset(X[:120], y[:120]), batch_size=24, shuffle=True)
net = nn.Sequential(nn.Linear(4, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    net.train()
    total = 0.0
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        total += loss.item() / len(loader)
    net.eval()
    with torch.no_grad():
        out = net(X[120:])
    print(f"epoch {epoch} train {total:.3f} val {nn.functional.cross_entropy(out, y[120:]).item():.3f} acc {(out.argmax(1) == y[120:]).float().mean().item():.3f}")
