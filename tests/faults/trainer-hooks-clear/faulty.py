import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import scale
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Trainer:
    def __init__(self, model, optimizer, callbacks):
        self.model, self.optimizer, self.callbacks = model, optimizer, callbacks

    def emit(self, event):
        for callback in self.callbacks:
            getattr(callback, event, lambda trainer: None)(self)

    def fit(self, loader, epochs):
        for self.epoch in range(epochs):
            self.losses = []
            for self.batch in loader:
                self.emit("before_batch")
                x, y = self.batch
                self.loss = F.smooth_l1_loss(self.model(x), y)
                self.loss.backward()
                self.emit("after_backward")
                self.optimizer.step()
                self.emit("after_step")
                self.losses.append(self.loss.item())
            self.emit("after_epoch")


class ClearGradients:
    def after_backward(self, trainer):
        for p in trainer.model.parameters():
            p.grad = None


class Report:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def after_epoch(self, trainer):
        with torch.no_grad():
            val = F.smooth_l1_loss(trainer.model(self.x), self.y).item()
        print(f"{trainer.epoch}: train {sum(trainer.losses) / len(trainer.losses):.4f} val {val:.4f}")


if __name__ == "__main__":
    torch.manual_seed(0)
    X, y = load_diabetes(return_X_y=True)
    X, y = torch.tensor(scale(X)).float(), torch.tensor(scale(y)).float()[:, None]
    net = nn.Sequential(nn.Linear(10, 24), nn.SiLU(), nn.Linear(24, 1))
    loader = DataLoader(TensorDataset(X[:350], y[:350]), batch_size=25, shuffle=True)
    optimizer = torch.optim.RMSprop(net.parameters(), lr=2e-3)
    Trainer(net, optimizer, [ClearGradients(), Report(X[350:], y[350:])]).fit(loader, 15)
