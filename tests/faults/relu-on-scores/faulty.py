import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(43)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X).float() / 16, torch.tensor(y)


class MLP(nn.Module):
    def __init__(self, sizes):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


net = MLP([64, 60, 40, 10])
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(10):
    net.train()
    perm = torch.randperm(1500)
    for k in range(25):
        i = perm[k * 60:(k + 1) * 60]
        opt.zero_grad()
        loss = nn.CrossEntropyLoss()(net(X[i]), y[i])
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch} loss {loss.item():.3f} acc {(net(X[1500:]).argmax(1) == y[1500:]).float().mean().item():.3f}")
