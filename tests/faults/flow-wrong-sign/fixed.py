import math

import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(91)
X = torch.tensor(load_iris().data).float()
X = (X - X.mean(0)) / X.std(0)


class Mixture(nn.Module):
    """A mixture of diagonal Gaussians."""

    def __init__(self, k=3, d=4):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(k))
        self.mean = nn.Parameter(torch.randn(k, d))
        self.logstd = nn.Parameter(torch.zeros(k, d))

    def log_prob(self, x):
        z = (x[:, None] - self.mean) / self.logstd.exp()
        logp = -0.5 * z.square() - self.logstd - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(logp.sum(-1) + torch.log_softmax(self.logits, 0), 1)


gmm = Mixture()
opt = torch.optim.Adam(gmm.parameters(), lr=0.02)
for it in range(1, 201):
    idx = torch.randint(150, (50,))
    loss = -gmm.log_prob(X[idx]).mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 40 == 0:
        with torch.no_grad():
            print(f"{it} loss {loss.item():.3f} log-likelihood {gmm.log_prob(X).mean().item():.3f}")
