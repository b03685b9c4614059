import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import nn

torch.manual_seed(17)
data = load_digits()
X = torch.tensor(data.images, dtype=torch.float32).flatten(1) / 8 - 1

encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 16))
projection = nn.Sequential(nn.ReLU(), nn.Linear(16, 16))
params = list(encoder.parameters()) + list(projection.parameters())
optimizer = torch.optim.Adam(params, lr=1e-3)


def augment(x):
    keep = (torch.rand_like(x) > 0.15).float()
    return x * keep + 0.2 * torch.randn_like(x)


def embed(x):
    h = encoder(x)
    return F.normalize(projection(h), dim=1)


def info_nce(a, b, t=0.3):
    logits = a @ b.T / t
    target = torch.arange(len(a))
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


for epoch in range(12):
    for idx in torch.randperm(1500).split(100):
        loss = info_nce(embed(augment(X[idx])), embed(augment(X[idx])))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch + 1} loss {loss.item():.3f}")
with torch.no_grad():
    H = encoder(X).numpy()
probe = LogisticRegression(max_iter=300).fit(H[:1500], data.target[:1500])
print(f"loss {loss.item():.3f} linear probe {probe.score(H[1500:], data.target[1500:]):.3f}")
