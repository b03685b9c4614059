import torch
from sklearn.datasets import make_blobs
from torch import nn

torch.manual_seed(109)
X, y = make_blobs(800, centers=6, n_features=2, cluster_std=0.7, center_box=(-6, 6), random_state=109)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 6))
opt = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(20):
    for i in torch.randperm(640).split(64):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        opt.step()
    if epoch % 4 == 3:
        with torch.no_grad():
            print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {(net(X[640:]).argmax(1) == y[640:]).float().mean().item():.3f} spread of the rows {net[0].weight.std(0).mean().item():.5f}")
