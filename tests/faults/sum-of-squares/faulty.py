import torch
from sklearn.datasets import make_friedman1
from torch import nn

torch.manual_seed(65)
X, y = make_friedman1(1000, 6, noise=0.2, random_state=65)
X, y = torch.tensor(X).float() * 2 - 1, torch.tensor(y).float()
y = ((y - y.mean()) / y.std()).reshape(-1, 1)
net = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 1))
criterion = nn.MSELoss(reduction="sum")
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(10):
    for i in torch.randperm(800).split(64):
        opt.zero_grad()
        loss = criterion(net(X[i]), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.4f} test mse {(net(X[800:]) - y[800:]).pow(2).mean().item():.4f}")
