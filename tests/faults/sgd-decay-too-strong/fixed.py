import torch
import torch.nn.functional as F
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(116)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
perm = torch.randperm(178)
X, y = X[perm], y[perm]


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.mid, self.out = nn.Linear(13, 32), nn.Linear(32, 32), nn.Linear(32, 3)

    def forward(self, x):
        return self.out(torch.tanh(self.mid(torch.tanh(self.inp(x)))))


net = Deep()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
for epoch in range(25):
    for k in range(0, 130, 26):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(X[k:k + 26]), y[k:k + 26])
        loss.backward()
        optimizer.step()
    if epoch % 5 == 4:
        acc = (net(X[130:]).argmax(1) == y[130:]).float().mean().item()
        print(f"epoch {epoch + 1} loss {loss.item():.4f} acc {acc:.3f} |W| {net.mid.weight.norm().item():.4f}")
