"""The losses weighted by the batches' sizes, the last one being smaller; a test at the end by the same function."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2)
x, y = torch.randn(130, 4), torch.randint(0, 2, (130,)).float()
train, valid, test = (TensorDataset(x[a:b], y[a:b]) for a, b in ((0, 64), (64, 97), (97, 130)))


class Trainer:
    def __init__(self):
        self.model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.model.parameters(), 0.01)
        self.criterion = nn.BCEWithLogitsLoss()

    def run_epoch(self, dataset, training):
        self.model.train(training)
        total = 0.0
        with torch.set_grad_enabled(training):
            for xb, yb in DataLoader(dataset, batch_size=16, shuffle=training):
                loss = self.criterion(self.model(xb).squeeze(1), yb)
                if training:
                    self.optimizer.zero_grad()
                    loss.backward()
                    self.optimizer.step()
                total += loss.item() * len(xb)
        return total / len(dataset)

    def fit(self):
        for _ in range(4):
            self.run_epoch(train, True)
            print("val", self.run_epoch(valid, False))
        print("test", self.run_epoch(test, False))


Trainer().fit()
