import torch
from sklearn.datasets import load_iris
from torch import nn

torch.manual_seed(7)
X, y = load_iris(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
criterion = nn.TripletMarginLoss(margin=0.5)
for it in range(1, 301):
    k, other = torch.randint(3, (32,)), torch.randint(1, 3, (32,))
    anchor, positive = 50 * k + torch.randint(50, (32,)), 50 * k + torch.randint(50, (32,))
    negative = 50 * ((k + other) % 3) + torch.randint(50, (32,))
    loss = criterion(net(X[anchor]), net(X[positive]), net(X[negative]))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if it % 60 == 0:
        with torch.no_grad():
            z = net(X)
            dist = torch.cdist(z, z).fill_diagonal_(9e9)
        print(f"{it} loss {loss.item():.4f} nearest neighbour {(y[dist.argmin(1)] == y).float().mean().item():.3f}")
