import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(46)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16.0, dtype=torch.float32), torch.tensor(y)
train = DataLoader(TensorDataset(X[:1400], y[:1400]), 56, shuffle=True)
val = DataLoader(TensorDataset(X[1400:], y[1400:]), 200)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(64, 80), nn.Linear(80, 40), nn.Linear(40, 10)

    def forward(self, x):
        x = F.leaky_relu(self.a(x))
        x = F.dropout(x, 0.5)
        x = F.leaky_relu(self.b(x))
        return self.c(x)


net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=2e-3)
for epoch in range(8):
    net.train()
    for xb, yb in train:
        opt.zero_grad()
        F.cross_entropy(net(xb), yb).backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        out = torch.cat([net(xb) for xb, _ in val])
    print(f"epoch {epoch} val loss {F.cross_entropy(out, y[1400:]).item():.4f} acc {(out.argmax(1) == y[1400:]).float().mean().item():.3f}")
