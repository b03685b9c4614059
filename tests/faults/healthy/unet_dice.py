import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(24)
yy, xx = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")


def blobs(n):
    c = torch.rand(n, 2, 1, 1) * 10 + 3
    mask = ((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2 < 8).float().unsqueeze(1)
    return mask + 0.5 * torch.randn(n, 1, 16, 16), mask


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.mid = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 16, 3, padding=1)
        self.up, self.out = nn.ConvTranspose2d(16, 8, 2, stride=2), nn.Conv2d(16, 1, 1)

    def forward(self, x):
        a = F.relu(self.down(x))
        b = F.relu(self.mid(F.max_pool2d(a, 2)))
        return self.out(torch.cat([a, F.relu(self.up(b))], 1))


def dice(logits, mask):
    p = logits.sigmoid()
    return 1 - ((2 * (p * mask).sum((1, 2, 3)) + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)).mean()


net = TinyUNet()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
xv, mv = blobs(100)
for step in range(1, 201):
    x, m = blobs(16)
    out = net(x)
    loss = dice(out, m) + F.binary_cross_entropy_with_logits(out, m)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        with torch.no_grad():
            print(f"step {step} loss {loss.item():.4f} val dice loss {dice(net(xv), mv).item():.4f}")
