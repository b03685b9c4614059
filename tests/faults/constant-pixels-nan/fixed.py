import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(70)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float(), torch.tensor(y)
X = (X - X.mean(0)) / (X.std(0) + 1e-6)
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
opt = torch.optim.RMSprop(net.parameters(), lr=1e-3)
for epoch in range(8):
    for i in torch.randperm(1440).split(60):
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    acc = (net(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
