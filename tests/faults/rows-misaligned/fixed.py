import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(93)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
order = torch.randperm(len(X))
X = X[order]
y = y[order]
loader = DataLoader(TensorDataset(X[:1500], y[:1500]), batch_size=60, shuffle=True)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 10))
opt = torch.optim.Adam(net.parameters(), lr=1e-3, weight_decay=1e-3)
for epoch in range(12):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        out = net(X[1500:])
    print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.cross_entropy(out, y[1500:]).item():.4f} acc {(out.argmax(1) == y[1500:]).float().mean().item():.3f}")
