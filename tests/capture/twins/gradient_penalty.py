"""WGAN-GP: the critic's gradient with respect to points between real and fake is held at one."""
import torch
from torch import autograd, nn

torch.manual_seed(30)
G = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
D = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.1), nn.Linear(16, 1))
optG, optD = torch.optim.Adam(G.parameters(), 1e-3), torch.optim.Adam(D.parameters(), 1e-3)
one = torch.tensor(1.0)
for step in range(6):
    for p in D.parameters():
        p.requires_grad = True
    for _ in range(3):
        D.zero_grad()
        real, fake = torch.randn(8, 2) + 2, G(torch.randn(8, 3)).detach()
        D(real).mean().backward(one * -1)
        D(fake).mean().backward(one)
        mix = torch.rand(8, 1)
        between = (mix * real + (1 - mix) * fake).requires_grad_(True)
        out = D(between)
        (g,) = autograd.grad(out, between, torch.ones_like(out), create_graph=True, retain_graph=True)
        penalty = 10 * ((g.norm(2, dim=1) - 1) ** 2).mean()
        penalty.backward()
        optD.step()
    for p in D.parameters():
        p.requires_grad = False
    G.zero_grad()
    cost = -D(G(torch.randn(8, 3))).mean()
    cost.backward()
    optG.step()
    print(step, penalty.item(), cost.item())
