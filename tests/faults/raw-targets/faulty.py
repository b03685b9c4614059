import torch
from sklearn.datasets import make_regression
from torch import nn

torch.manual_seed(108)
X, price = make_regression(900, 7, noise=8.0, random_state=108)
X = torch.tensor((X - X.mean(0)) / X.std(0)).float()
price = torch.tensor(250_000 + 600 * price).float().unsqueeze(1)
target = price
net = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(14):
    for i in torch.randperm(750).split(50):
        opt.zero_grad()
        loss = nn.functional.l1_loss(net(X[i]), target[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        pred = net(X[750:])
        error = (pred - price[750:]).abs().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} mean error {error:.0f} of {price[750:].mean().item():.0f}")
