import torch
from torch import nn

torch.manual_seed(23)


def real(n):
    return torch.randn(n, 2) * 0.3 + torch.tensor([1.0, -1.0])


g = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 2))
c = nn.Sequential(nn.Linear(2, 24), nn.LeakyReLU(0.2), nn.Linear(24, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))
og = torch.optim.Adam(g.parameters(), lr=2e-3, betas=(0.0, 0.9))
oc = torch.optim.Adam(c.parameters(), lr=2e-3, betas=(0.0, 0.9))
for it in range(1, 251):
    for _ in range(5):
        x, f = real(48), g(torch.randn(48, 2)).detach()
        mid = (x + torch.rand(48, 1) * (f - x)).requires_grad_()
        (slope,) = torch.autograd.grad(c(mid).sum(), mid, create_graph=True)
        loss_c = c(f).mean() - c(x).mean() + 5.0 * (slope.norm(dim=1) - 1).pow(2).mean()
        oc.zero_grad()
        loss_c.backward()
        oc.step()
    loss_g = -c(g(torch.randn(48, 2))).mean()
    og.zero_grad()
    loss_g.backward()
    og.step()
    if it % 50 == 0:
        with torch.no_grad():
            s = g(torch.randn(500, 2))
        print(f"{it} critic {loss_c.item():.3f} generator {loss_g.item():.3f} mean {[round(v, 2) for v in s.mean(0).tolist()]} deviation {[round(v, 2) for v in s.std(0).tolist()]}")
