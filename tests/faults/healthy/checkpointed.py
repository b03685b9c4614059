import torch
from sklearn.datasets import make_friedman1
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(14)
X, y = make_friedman1(1000, 10, noise=0.2, random_state=14)
X, y = torch.tensor(X).float(), torch.tensor(y).float().unsqueeze(1)
y = (y - y.mean()) / y.std()


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(10, 32)
        self.blocks = nn.ModuleList(nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.SiLU()) for _ in range(4))
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = x + checkpoint(block, x, use_reentrant=False)
        return self.out(x)


net = Deep()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(10):
    for i in torch.randperm(800).split(40):
        loss = nn.functional.mse_loss(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.mse_loss(net(X[800:]), y[800:]).item():.4f}")
