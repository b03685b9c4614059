import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(50)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
loader = DataLoader(TensorDataset(X[:1500], y[:1500]), batch_size=60, shuffle=True)
net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.2, momentum=0.9)
scheduler = LinearLR(optimizer, start_factor=0.05, total_iters=30)
for epoch in range(8):
    for x, t in loader:
        scheduler.step()
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), t)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (net(X[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"epoch {epoch} lr {scheduler.get_last_lr()[0]:.4f} loss {loss.item():.4f} acc {acc:.3f}")
