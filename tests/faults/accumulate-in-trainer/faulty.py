import torch
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    """Trains with batches too large for memory, cut into pieces."""

    def __init__(self, model, optimizer, loss_fn, accumulate=1):
        self.model, self.optimizer, self.loss_fn, self.accumulate = model, optimizer, loss_fn, accumulate

    def fit(self, loader, epochs):
        self.optimizer.zero_grad()
        for epoch in range(epochs):
            for i, (x, y) in enumerate(loader, start=1):
                loss = self.loss_fn(self.model(x), y)
                self.backward(loss)
                if i % self.accumulate == 0:
                    self.optimizer.step()
                    self.optimizer.zero_grad()
            print(f"epoch {epoch} loss {loss.item():.4f}")

    def backward(self, loss):
        loss.backward()


torch.manual_seed(64)
bunch = load_breast_cancer()
X = torch.tensor(StandardScaler().fit_transform(bunch.data), dtype=torch.float32)
y = torch.tensor(bunch.target, dtype=torch.float32).unsqueeze(1)
loader = DataLoader(TensorDataset(X[:480], y[:480]), batch_size=12, shuffle=True)
net = nn.Sequential(nn.Linear(30, 20), nn.SELU(), nn.Linear(20, 1))
Trainer(net, torch.optim.SGD(net.parameters(), lr=0.3, momentum=0.9), nn.BCEWithLogitsLoss(), accumulate=4).fit(loader, 12)
with torch.no_grad():
    out = net(X[480:])
print(f"held out loss {nn.functional.binary_cross_entropy_with_logits(out, y[480:]).item():.4f} acc {((out > 0) == (y[480:] > 0.5)).float().mean().item():.3f}")
