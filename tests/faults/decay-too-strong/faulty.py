import torch
from sklearn.datasets import make_friedman3
from sklearn.preprocessing import scale
from torch import nn

torch.manual_seed(115)
X, y = make_friedman3(900, random_state=115)
X, y = torch.tensor(scale(X)).float(), torch.tensor(scale(y)).float()
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=30.0)
for epoch in range(16):
    for i in torch.randperm(750).split(50):
        opt.zero_grad()
        loss = nn.functional.mse_loss(net(X[i]), y[i])
        loss.backward()
        opt.step()
    size = sum(p.detach().square().sum() for p in net.parameters()).sqrt().item()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.4f} val {nn.functional.mse_loss(net(X[750:]), y[750:]).item():.4f} weights {size:.3f}")
