"""A few batches of an endless validation iterator every ten steps, the losses kept as tensors."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x, y = torch.randn(100, 4), torch.randint(0, 3, (100,))
train_dl = DataLoader(TensorDataset(x[:70], y[:70]), 14, shuffle=True)
val_dl = DataLoader(TensorDataset(x[70:], y[70:]), 8)


def cycle(loader):
    while True:
        yield from loader


train_batches, val_batches = cycle(train_dl), cycle(val_dl)
model = nn.Linear(4, 3)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
criterion = nn.CrossEntropyLoss()
for step in range(1, 51):
    a, b = next(train_batches)
    loss = criterion(model(a), b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            values = []
            for _ in range(3):
                a, b = next(val_batches)
                values.append(criterion(model(a), b))
        print("val", torch.stack(values).mean().item())
