import torch
import torch.nn.functional as F
from sklearn.datasets import make_circles
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(55)
X, y = make_circles(500, noise=0.1, factor=0.4, random_state=55)
X, y = torch.tensor(X).float(), torch.tensor(y).float()
loader = DataLoader(TensorDataset(X[:400], y[:400]), batch_size=80, shuffle=True)


def run_epoch(model, loader, optimizer=None):
    if optimizer is None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.98, nesterov=True)
    for x, t in loader:
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x).squeeze(1), t)
        loss.backward()
        optimizer.step()
    return loss.item()


model = nn.Sequential(nn.Linear(2, 20), nn.ReLU(), nn.Linear(20, 1))
for epoch in range(30):
    loss = run_epoch(model, loader)
    if epoch % 6 == 5:
        with torch.no_grad():
            acc = ((model(X[400:]).squeeze(1) > 0) == (y[400:] > 0.5)).float().mean().item()
        print(f"{epoch + 1} {loss:.4f} {acc:.3f}")
