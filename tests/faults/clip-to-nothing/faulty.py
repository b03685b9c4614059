import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from sklearn.datasets import load_digits

torch.manual_seed(114)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
LIMIT = 1e-3
net = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for epoch in range(8):
    norms = []
    for i in torch.randperm(1440).split(60):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        norms.append(clip_grad_norm_(net.parameters(), LIMIT).item())
        opt.step()
    with torch.no_grad():
        acc = (net(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f} norm {sum(norms) / len(norms):.3f}")
