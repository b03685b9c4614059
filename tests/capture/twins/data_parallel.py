"""`DataParallel`, which on a machine without GPUs calls the module itself."""
import torch
from torch import nn

torch.manual_seed(10)
model = nn.DataParallel(nn.Sequential(nn.Conv1d(1, 4, 3), nn.BatchNorm1d(4), nn.ReLU(), nn.Flatten(), nn.Linear(24, 2)))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, nesterov=True, momentum=0.9)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=12)
for epoch in range(4):
    model.train()
    for _ in range(3):
        optimizer.zero_grad()
        loss = criterion(model(torch.randn(10, 1, 8)), torch.randint(0, 2, (10,)))
        loss.backward()
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        print(epoch, loss.item(), criterion(model(torch.ones(4, 1, 8)), torch.zeros(4, dtype=torch.long)).item())
print(list(model.state_dict())[:3])
