import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.manual_seed(6)
d = load_digits()
X = torch.tensor(d.data / 8 - 1).float()
f = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 24))
g = nn.Sequential(nn.ReLU(), nn.Linear(24, 16))
opt = torch.optim.Adam([*f.parameters(), *g.parameters()], lr=2e-3)


def view(x):
    return x * (torch.rand_like(x) > 0.2) + 0.2 * torch.randn_like(x)


def nt_xent(z, t=0.4):
    z = F.normalize(z, dim=1)
    n = len(z) // 2
    similarity = (z @ z.T / t).masked_fill(torch.eye(2 * n, dtype=torch.bool), -1e9)
    return F.cross_entropy(similarity, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


for epoch in range(8):
    for i in torch.randperm(1500).split(75):
        loss = nt_xent(g(f(torch.cat([view(X[i]), view(X[i])]))))
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
with torch.no_grad():
    H = f(X).numpy()
print(f"loss {loss.item():.3f} probe {LogisticRegression(max_iter=300).fit(H[:1500], d.target[:1500]).score(H[1500:], d.target[1500:]):.3f}")
