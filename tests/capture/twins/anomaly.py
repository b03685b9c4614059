"""Anomaly detection; the square root's gradient is caught, and the batch left out."""
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", "Error detected in")
warnings.filterwarnings("ignore", "Anomaly Detection has been enabled")
torch.manual_seed(17)
model = nn.Linear(3, 3)
optimizer = torch.optim.SGD(model.parameters(), 0.05)
with torch.autograd.detect_anomaly(check_nan=True):
    for step in range(8):
        x = torch.randn(6, 3)
        out = model(x)
        if step == 4:
            out = out * 0
        loss = out.square().sum(1).sqrt().mean()
        optimizer.zero_grad()
        try:
            loss.backward()
        except RuntimeError as error:
            print(step, str(error).splitlines()[0])
            continue
        optimizer.step()
        print(step, loss.item())
