import torch
import torch.nn as nn
from sklearn.datasets import make_classification

torch.manual_seed(94)
X, y = make_classification(3000, 12, n_informative=6, n_clusters_per_class=3, weights=[0.97], flip_y=0.0, class_sep=0.7, random_state=94)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y).float()
net = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
for epoch in range(12):
    for i in torch.randperm(2400).split(80):
        opt.zero_grad()
        loss = loss_fn(net(X[i]).squeeze(1), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[2400:]).squeeze(1)
    hit = ((out > 0) & (y[2400:] == 1)).sum().item() / y[2400:].sum().item()
    print(f"epoch {epoch} loss {loss.item():.4f} accuracy {((out > 0).float() == y[2400:]).float().mean().item():.3f} recall {hit:.3f}")
