import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(92)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor(StandardScaler().fit_transform(X)).float(), torch.tensor(y)
net = nn.Sequential(nn.Linear(13, 20), nn.Tanh(), nn.Linear(20, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.5)
score = nn.CrossEntropyLoss()
for epoch in range(15):
    for i in torch.randperm(178).split(18):
        objective = score(net(X[i]), y[i])
        opt.zero_grad()
        objective.backward()
        opt.step()
    print(f"epoch {epoch} objective {objective.item():.3f} acc {(net(X).argmax(1) == y).float().mean().item():.3f}")
