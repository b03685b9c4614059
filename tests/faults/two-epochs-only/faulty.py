import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(105)
EPOCHS = 2
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float(), torch.tensor(y)
train, val = TensorDataset(X[:1440], y[:1440]), (X[1440:], y[1440:])
net = nn.Sequential(nn.Linear(64, 50), nn.ReLU(), nn.Linear(50, 10))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
step = 0
for epoch in range(EPOCHS):
    for xb, yb in DataLoader(train, batch_size=24, shuffle=True):
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        step += 1
        if step % 8 == 0:
            with torch.no_grad():
                v = nn.functional.cross_entropy(net(val[0]), val[1]).item()
            if step % 40 == 0:
                print(f"step {step} loss {loss.item():.3f} val {v:.3f} acc {(net(val[0]).argmax(1) == val[1]).float().mean().item():.3f}")
