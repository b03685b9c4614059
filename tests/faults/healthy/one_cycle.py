import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(15)
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16).float().unsqueeze(1).view(-1, 1, 8, 8), torch.tensor(y)
loader = DataLoader(TensorDataset(X[:1440], y[:1440]), batch_size=48, shuffle=True)
net = nn.Sequential(nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
EPOCHS = 6
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.15, total_steps=EPOCHS * len(loader))
for epoch in range(EPOCHS):
    net.train()
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(xb), yb)
        loss.backward()
        opt.step()
        sched.step()
    net.eval()
    with torch.no_grad():
        out = net(X[1440:])
    print(f"epoch {epoch} rate {sched.get_last_lr()[0]:.5f} loss {loss.item():.4f} val {nn.functional.cross_entropy(out, y[1440:]).item():.4f} acc {(out.argmax(1) == y[1440:]).float().mean().item():.3f}")
