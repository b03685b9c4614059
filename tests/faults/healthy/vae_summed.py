import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(5)
X = torch.tensor(load_digits().data / 16).float()


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.lv = nn.Linear(64, 64), nn.Linear(64, 5), nn.Linear(64, 5)
        self.dec = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.enc(x))
        mu, lv = self.mu(h), self.lv(h)
        return self.dec(mu + torch.randn_like(mu) * (lv / 2).exp()), mu, lv


def loss_of(x, out):
    recon, mu, lv = out
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    return (bce - 0.5 * torch.sum(1 + lv - mu.pow(2) - lv.exp())) / len(x)


net = VAE()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(12):
    net.train()
    for i in torch.randperm(1440).split(60):
        opt.zero_grad()
        loss = loss_of(X[i], net(X[i]))
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch} train {loss.item():.3f} test {loss_of(X[1440:], net(X[1440:])).item():.3f}")
