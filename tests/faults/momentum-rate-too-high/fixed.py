import torch
from sklearn.datasets import make_classification
from torch import nn, optim

torch.manual_seed(86)
X, y = make_classification(1200, 24, n_informative=12, n_classes=5, class_sep=1.5, random_state=86)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
train = torch.utils.data.TensorDataset(X[:1000], y[:1000])
loader = torch.utils.data.DataLoader(train, 50, shuffle=True)
net = nn.Sequential(nn.Linear(24, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 5))
optimizer = optim.SGD(net.parameters(), lr=0.03, momentum=0.95)
for epoch in range(10):
    total = 0.0
    for x, t in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), t)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        print(f"epoch {epoch} loss {total:.3f} acc {(net(X[1000:]).argmax(1) == y[1000:]).float().mean().item():.3f}")
