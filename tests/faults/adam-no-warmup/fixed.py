import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(89)
X, y = load_digits(return_X_y=True)
train = TensorDataset(torch.tensor(X[:1440] / 16).float(), torch.tensor(y[:1440]))
X_val, y_val = torch.tensor(X[1440:] / 16).float(), torch.tensor(y[1440:])
layers = [nn.Linear(64, 128), nn.ReLU()]
for _ in range(2):
    layers += [nn.Linear(128, 128), nn.ReLU()]
net = nn.Sequential(*layers, nn.Linear(128, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.02, total_iters=60)
first, top = None, 0.0
for epoch in range(8):
    for x, t in DataLoader(train, batch_size=48, shuffle=True):
        loss = nn.functional.cross_entropy(net(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warmup.step()
        first = loss.item() if first is None else first
        top = max(top, loss.item())
    acc = (net(X_val).argmax(1) == y_val).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} first {first:.3f} highest {top:.3f} acc {acc:.3f}")
