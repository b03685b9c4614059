import torch
import torch.nn.functional as F
from sklearn.datasets import make_blobs
from torch import nn

torch.manual_seed(15)
X, y = make_blobs(900, n_features=12, centers=5, cluster_std=4.0, random_state=15)
X, y = torch.tensor(X).float(), torch.tensor(y)
X = (X - X.mean(0)) / X.std(0)


class Adapter(nn.Module):
    def __init__(self, base):
        super().__init__()
        self.base = base
        self.down, self.up = nn.Linear(12, 6), nn.Linear(6, 24)
        self.out = nn.Linear(24, 5)

    def forward(self, x):
        return self.out(self.base(x) + self.up(F.gelu(self.down(x))))


base = nn.Sequential(nn.Linear(12, 24), nn.Tanh())
net = Adapter(base)
for name, p in net.named_parameters():
    p.requires_grad = name.startswith("adapter")
opt = torch.optim.AdamW(net.parameters(), lr=4e-3)

for epoch in range(20):
    saliency = torch.zeros(12)
    for i in torch.randperm(700).split(70):
        x = X[i].requires_grad_()
        loss = F.cross_entropy(net(x), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        saliency += x.grad.abs().sum(0)
    acc = (net(X[700:]).argmax(1) == y[700:]).float().mean().item()
    print(f"epoch {epoch:2d} loss {loss.item():.4f} acc {acc:.3f} feature {saliency.argmax().item()}")
