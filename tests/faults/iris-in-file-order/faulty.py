import numpy as np
import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(48)
rng = np.random.default_rng(48)
X, y = load_iris(return_X_y=True)
X = (X - X.mean(0)) / X.std(0)
test = np.arange(150) % 5 == 0
Xtr, ytr = torch.tensor(X[~test]).float(), torch.tensor(y[~test])
Xte, yte = torch.tensor(X[test]).float(), torch.tensor(y[test])


def batches(n, size):
    order = np.arange(n)
    for k in range(0, n, size):
        yield order[k:k + size]


net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(1, 31):
    for b in batches(len(Xtr), 10):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(Xtr[b]), ytr[b])
        loss.backward()
        opt.step()
    if epoch % 5 == 0:
        with torch.no_grad():
            out = net(Xte)
        print(f"epoch {epoch} loss {loss.item():.4f} test {nn.functional.cross_entropy(out, yte).item():.4f} acc {(out.argmax(1) == yte).float().mean().item():.3f}")
