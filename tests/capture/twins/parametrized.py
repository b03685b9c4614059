"""Weights behind parametrizations: weight norm, an orthogonal map, a symmetric one of the script's own."""
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    calls = 0

    def forward(self, x):
        Symmetric.calls += 1
        return x.triu() + x.triu(1).transpose(-1, -2)


torch.manual_seed(6)
net = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2))
parametrize.register_parametrization(net[0], "weight", Symmetric())
parametrizations.orthogonal(net[2])
parametrizations.weight_norm(net[4])
opt = torch.optim.Adam(net.parameters(), 0.01)
for _ in range(15):
    x = torch.randn(20, 6)
    loss = nn.functional.mse_loss(net(x), x[:, :2])
    opt.zero_grad()
    loss.backward()
    opt.step()
print(loss.item(), Symmetric.calls)
with parametrize.cached():
    print(torch.dist(net[2].weight @ net[2].weight.T, torch.eye(6)).item() < 1e-4)
