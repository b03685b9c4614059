import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(73)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)
by_class = [torch.nonzero(y[:1400] == k).flatten() for k in range(10)]
embed = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 12))
opt = torch.optim.Adam(embed.parameters(), lr=2e-3)


def distance(a, b):
    return torch.sqrt(((a - b) ** 2).sum(1) + 1e-8)


def triplets(n):
    anchor = torch.randint(1400, (n,))
    positive = torch.stack([by_class[k][torch.randint(len(by_class[k]), ())] for k in y[anchor]])
    return anchor, positive, torch.randint(1400, (n,))


for it in range(1, 301):
    a, p, n = (embed(X[i]) for i in triplets(64))
    loss = torch.relu(distance(a, p) - distance(a, n) + 0.5).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 60 == 0:
        with torch.no_grad():
            z = embed(X)
            nearest = torch.cdist(z[1400:], z[:1400]).argmin(1)
        print(f"{it} loss {loss.item():.4f} nearest neighbour {(y[nearest] == y[1400:]).float().mean().item():.3f}")
