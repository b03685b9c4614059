import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(81)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)


def layer(i, o):
    linear = nn.Linear(i, o)
    nn.init.kaiming_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


net = nn.Sequential(nn.Flatten(), layer(64, 40), nn.ReLU())
for _ in range(6):
    net.extend([layer(40, 40), nn.ReLU()])
net.append(layer(40, 10))
optimizer = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(8):
    for i in torch.randperm(1440).split(48):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        optimizer.step()
    acc = (net(X[1440:]).argmax(1) == y[1440:]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
