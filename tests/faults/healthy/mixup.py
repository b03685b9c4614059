import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(10)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
beta = torch.distributions.Beta(0.4, 0.4)
for epoch in range(10):
    for i in torch.randperm(1440).split(60):
        j, lam = i[torch.randperm(len(i))], beta.sample((len(i), 1))
        soft = lam * F.one_hot(y[i], 10) + (1 - lam) * F.one_hot(y[j], 10)
        loss = F.cross_entropy(net(lam * X[i] + (1 - lam) * X[j]), soft)
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[1440:])
    print(f"epoch {epoch} train {loss.item():.3f} val {F.cross_entropy(out, y[1440:]).item():.3f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f}")
