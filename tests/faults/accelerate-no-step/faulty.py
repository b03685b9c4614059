import torch
from accelerate import Accelerator
from sklearn.datasets import load_breast_cancer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(122)
X, y = load_breast_cancer(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y).float()
accelerator = Accelerator(cpu=True)
net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
net, opt, loader = accelerator.prepare(net, torch.optim.Adam(net.parameters(), lr=3e-3), DataLoader(TensorDataset(X[:450], y[:450]), 30, shuffle=True))
for epoch in range(10):
    for xb, yb in loader:
        opt.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(xb), yb)
        accelerator.backward(loss)
    acc = ((net(X[450:]) > 0) == (y[450:] > 0.5)).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} acc {acc:.3f}")
