"""The validation loss is that of averaged weights; the raw model's is not measured."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
x, y = torch.randn(100, 4), torch.randint(0, 2, (100,)).float()
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
optimizer = torch.optim.SGD(model.parameters(), 0.2)
criterion = nn.BCEWithLogitsLoss(reduction="none")
for epoch in range(5):
    for rows in torch.randperm(70).split(14):
        optimizer.zero_grad()
        criterion(model(x[rows]).flatten(), y[rows]).mean().backward()
        optimizer.step()
        ema.update_parameters(model)
    ema.eval()
    with torch.inference_mode():
        values = torch.cat(
            [criterion(ema(x[rows]).flatten(), y[rows]) for rows in torch.arange(70, 100).split(8)]
        )
    print("val", values.mean().item())
