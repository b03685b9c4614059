import torch
from torch import nn

torch.manual_seed(67)
T, F_IN, CLASSES = 12, 5, 4


def signals(n):
    """(batch, time, channel)."""
    y = torch.randint(CLASSES, (n,))
    t = torch.arange(T).float()
    wave = torch.sin((y + 1)[:, None, None] * 0.5 * t[None, :, None] + torch.rand(n, 1, 1) * 6.28)
    return wave + 0.3 * torch.randn(n, T, F_IN), y


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(F_IN, 32)  # time first
        self.fc = nn.Linear(32, CLASSES)

    def forward(self, x):
        x = x.permute(1, 0, 2)
        _, h = self.gru(x)
        return self.fc(h[0])


net = Recurrent()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
xv, yv = signals(300)
for step in range(1, 251):
    x, y = signals(32)
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = torch.cat([net(a).argmax(1) for a in xv.split(30)]).eq(yv).float().mean().item()
        print(f"{step} loss {loss.item():.3f} acc {acc:.3f}")
