import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(18)
X, y = load_iris(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
y = torch.tensor(y)
net = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
optim = torch.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(40):
    for idx in torch.randperm(150).split(30):
        out = net(X[idx])
        loss = nn.functional.cross_entropy(out, y[idx])
        optim.zero_grad()
        loss.backward()
        optim.step()
    if epoch % 8 == 7:
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {(net(X).argmax(1) == y).float().mean().item():.3f}")
