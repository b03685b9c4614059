import torch
from torch import nn

torch.manual_seed(23)


def bags(n, size=8):
    """Bags of points; the class says in which quadrant the one marked point lies."""
    x = torch.randn(n, size, 2)
    mark = torch.randint(size, (n,))
    flag = nn.functional.one_hot(mark, size).float().unsqueeze(-1)
    chosen = x[torch.arange(n), mark]
    return torch.cat([x, flag], -1), (chosen[:, 0] > 0).long() * 2 + (chosen[:, 1] > 0).long()


class AttentionPool(nn.Module):
    def __init__(self, dim=24):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(3, dim), nn.Tanh())
        self.score = nn.Linear(dim, 1)
        self.classify = nn.Sequential(nn.Linear(dim, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, bag):
        h = self.phi(bag)
        weight = torch.softmax(self.score(h), dim=0)
        return self.classify((weight * h).sum(1))


net, loss_fn = AttentionPool(), nn.CrossEntropyLoss()
opt = torch.optim.AdamW(net.parameters(), lr=5e-3)
x, y = bags(1600)
vx, vy = bags(400)
for epoch in range(10):
    for i in torch.randperm(1600).split(64):
        opt.zero_grad()
        loss = loss_fn(net(x[i]), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.3f} acc {(net(vx).argmax(1) == vy).float().mean().item():.3f}")
