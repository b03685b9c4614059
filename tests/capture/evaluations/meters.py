"""Average meters; the loss and a penalty are added; every evaluation prints top-1 too; test at the end of each epoch."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class AverageMeter:
    def __init__(self):
        self.sum = self.count = 0.0

    def update(self, value, n=1):
        self.sum += value * n
        self.count += n

    @property
    def avg(self):
        return self.sum / self.count


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean()


def validate(loader, model, criterion):
    losses, top1 = AverageMeter(), AverageMeter()
    model.eval()
    with torch.no_grad():
        for images, target in loader:
            output = model(images)
            loss = criterion(output, target) + 0.01 * sum(p.abs().sum() for p in model.parameters())
            losses.update(loss.item(), images.size(0))
            top1.update(accuracy(output, target).item(), images.size(0))
    return losses.avg, top1.avg


def main():
    torch.manual_seed(0)
    x, y = torch.randn(110, 5), torch.randint(0, 3, (110,))
    train_loader = DataLoader(TensorDataset(x[:60], y[:60]), 12, shuffle=True)
    val_loader = DataLoader(TensorDataset(x[60:85], y[60:85]), 10)
    test_loader = DataLoader(TensorDataset(x[85:], y[85:]), 10)
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 3))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    for epoch in range(4):
        model.train()
        for images, target in train_loader:
            loss = criterion(model(images), target) + 0.01 * sum(p.abs().sum() for p in model.parameters())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        loss, acc = validate(val_loader, model, criterion)
        print("val", loss)
        print("accuracy", acc)
        loss, acc = validate(test_loader, model, criterion)
        print("test", loss)


main()
