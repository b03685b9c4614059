"""A compiled model that returns its loss, made by hand, in a dictionary."""

import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(96, 5), torch.randn(96, 2)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 2))

    def forward(self, inputs, targets):
        out = self.net(inputs)
        return {"prediction": out, "loss": (out - targets).abs().pow(1.5).mean()}


model = torch.compile(Net(), backend="eager")
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for epoch in range(4):
    model.train()
    for rows in torch.randperm(64).split(16):
        loss = model(x[rows], y[rows])["loss"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        values = [model(x[rows], y[rows])["loss"].item() for rows in torch.arange(64, 96).split(16)]
    print("val", sum(values) / len(values))
