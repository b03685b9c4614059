from dataclasses import dataclass, field

import torch
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn


@dataclass
class Fit:
    model: nn.Module
    lr: float = 2e-3
    history: list = field(default_factory=list)

    def __post_init__(self):
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=self.lr)
        self.loss = nn.CrossEntropyLoss()
        self.model.train()

    def epoch(self, x: Tensor, y: Tensor, size: int = 13) -> float:
        losses = []
        for idx in torch.randperm(len(x)).split(size):
            self.optimizer.zero_grad()
            value = self.loss(self.model(x[idx]), y[idx])
            value.backward()
            self.optimizer.step()
            losses.append(value.item())
        return sum(losses) / len(losses)

    @torch.no_grad()
    def evaluate(self, x: Tensor, y: Tensor) -> tuple:
        self.model.eval()
        out = self.model(x)
        return self.loss(out, y).item(), (out.argmax(1) == y).float().mean().item()

    def run(self, train, val, epochs):
        for e in range(epochs):
            self.history.append((self.epoch(*train), *self.evaluate(*val)))
            print("epoch {:2d} train {:.4f} val {:.4f} acc {:.3f}".format(e, *self.history[-1]))


torch.manual_seed(44)
X, y = load_wine(return_X_y=True)
X, y = torch.tensor(StandardScaler().fit_transform(X)).float(), torch.tensor(y)
perm = torch.randperm(178)
X, y = X[perm], y[perm]
net = nn.Sequential(nn.Linear(13, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.4), nn.Linear(32, 3))
Fit(net).run((X[:130], y[:130]), (X[130:], y[130:]), epochs=15)
