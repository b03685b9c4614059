import torch
from torch import nn, optim

torch.manual_seed(24)
Z, H = 8, 40


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(Z, H), nn.ReLU(), nn.Linear(H, H), nn.ReLU(), nn.Linear(H, 2))

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, H), nn.LeakyReLU(0.2), nn.Linear(H, H), nn.LeakyReLU(0.2), nn.Linear(H, 1))

    def forward(self, x):
        return self.net(x)


def moon(n):
    a = torch.rand(n) * torch.pi
    return torch.stack([a.cos(), a.sin()], 1) + 0.05 * torch.randn(n, 2)


g, d = Generator(), Discriminator()
og, od = optim.Adam(g.parameters(), 1e-3, (0.5, 0.999)), optim.Adam(d.parameters(), 1e-3, (0.5, 0.999))
bce = nn.BCEWithLogitsLoss()


def d_step(real):
    with torch.no_grad():
        fake = g(torch.randn(len(real), Z))
    od.zero_grad()
    score = d(torch.cat([real, fake]))
    target = torch.cat([torch.ones(len(real), 1), torch.zeros(len(fake), 1)])
    loss = bce(score, target)
    loss.backward()
    od.step()
    return loss.item()


def g_step(n):
    og.zero_grad()
    loss = bce(d(g(torch.randn(n, Z))), torch.ones(n, 1))
    loss.backward()
    og.step()
    return loss.item()


for it in range(1, 1201):
    ld, lg = d_step(moon(64)), g_step(64)
    if it % 150 == 0:
        with torch.no_grad():
            r = g(torch.randn(500, Z))
        print(f"{it} d {ld:.3f} g {lg:.3f} radius {r.norm(dim=1).mean():.3f} upper half {(r[:, 1] > -0.1).float().mean():.2f}")
