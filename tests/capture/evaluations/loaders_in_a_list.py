"""One evaluation function called in a loop over three loaders; nothing has a name of its own."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(4)
x, y = torch.randn(120, 3), torch.randint(0, 2, (120,))
loaders = [
    DataLoader(TensorDataset(x[a:b], y[a:b]), 20, shuffle=a == 0) for a, b in ((0, 60), (60, 90), (90, 120))
]
model = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
criterion = nn.CrossEntropyLoss()


@torch.no_grad()
def evaluate(loader):
    model.eval()
    value = sum(criterion(model(a), b).item() for a, b in loader) / len(loader)
    model.train()
    return value


for epoch in range(4):
    for a, b in loaders[0]:
        optimizer.zero_grad()
        criterion(model(a), b).backward()
        optimizer.step()
    for name, value in zip(("train", "val", "test"), [evaluate(loader) for loader in loaders]):
        print(name, value)
