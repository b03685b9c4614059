import torch
from sklearn.datasets import load_digits
from torch import nn, optim

torch.manual_seed(101)
data = load_digits()
X = torch.tensor(data.images).float().unsqueeze(1) / 16
y = torch.tensor(data.target)
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, stride=2), nn.ReLU(),
    nn.Conv2d(16, 32, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(32, 10),
)
optimizer = optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(7):
    for i in torch.randperm(1440).split(48):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        active = (net[:6](X[:300]) > 0).float().mean().item()
        print(f"epoch {epoch} loss {loss.item():.3f} acc {(net(X[1440:]).argmax(1) == y[1440:]).float().mean().item():.3f} active {active:.3f}")
