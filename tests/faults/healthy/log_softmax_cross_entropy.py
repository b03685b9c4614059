import torch
import torch.nn.functional as F
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(19)
X, y = load_iris(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
p = torch.randperm(150)
X, y = X[p], y[p]
net = nn.Sequential(nn.Linear(4, 20), nn.Tanh(), nn.Linear(20, 3), nn.LogSoftmax(dim=-1))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(25):
    for i in torch.randperm(120).split(15):
        opt.zero_grad()
        loss = F.cross_entropy(net(X[i]), y[i])
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {(net(X[120:]).argmax(1) == y[120:]).float().mean().item():.3f}")
