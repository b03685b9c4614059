import torch
from torch import nn

torch.manual_seed(95)
V, T = 40, 14


def texts(n):
    length = torch.randint(4, T + 1, (n,))
    words = torch.randint(1, V, (n, T))
    words[torch.arange(T) >= length[:, None]] = 0  # padding
    return words, (words.float().sum(1) / length > V / 2).long()


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(V, 16, padding_idx=0)
        self.mlp = nn.Sequential(nn.Linear(16, 24), nn.ReLU(), nn.Linear(24, 2))

    def forward(self, words):
        mask = (words != 0).float().unsqueeze(-1)
        pooled = (self.embedding(words) * mask).sum(1) / mask.sum(1).clamp(min=1)
        return self.mlp(pooled)


net = Bag()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
vx, vy = texts(400)
for step in range(1, 301):
    x, y = texts(64)
    loss = nn.functional.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 0:
        with torch.no_grad():
            out = net(vx)
        print(f"{step} loss {loss.item():.4f} acc {(out.argmax(1) == vy).float().mean().item():.3f} spread {out.std(0).mean().item():.4f}")
