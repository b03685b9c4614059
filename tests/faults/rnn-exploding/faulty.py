import torch
from torch import nn

torch.manual_seed(80)
STEPS, HIDDEN = 40, 32


class Elman(nn.Module):
    """A recurrent cell written out."""

    def __init__(self):
        super().__init__()
        self.U = nn.Parameter(torch.randn(HIDDEN, 1))
        gain = 2.0
        self.W = nn.Parameter(gain * torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0])
        self.V = nn.Linear(HIDDEN, 1)

    def forward(self, x):
        h = x.new_zeros(x.shape[0], HIDDEN)
        for t in range(x.shape[1]):
            h = torch.tanh(x[:, t] @ self.U.T + h @ self.W.T)
        return self.V(h)


def waves(n):
    f, p = 0.2 + 0.2 * torch.rand(n, 1), 6.28 * torch.rand(n, 1)
    t = torch.arange(STEPS + 1).float()
    w = 0.1 * torch.sin(f * t + p)
    return w[:, :-1, None], 10 * w[:, -1:]


net = Elman()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
vx, vy = waves(200)
for it in range(1, 301):
    x, y = waves(32)
    loss = (net(x) - y).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 60 == 0:
        norm = sum(p.grad.square().sum() for p in net.parameters()).sqrt().item()
        with torch.no_grad():
            print(f"{it} loss {loss.item():.4f} val {(net(vx) - vy).square().mean().item():.4f} gradient {norm:.2e}")
