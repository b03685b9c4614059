"""The best weights and the optimizer's state are taken up again in the middle."""
import copy
import io

import torch
from torch import nn

torch.manual_seed(20)
model = nn.Linear(5, 1)
optimizer = torch.optim.Adam(model.parameters(), 0.3, amsgrad=True)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
x = torch.randn(40, 5)
y = x @ torch.arange(5.0).unsqueeze(1)
best, kept = float("inf"), None
for step in range(24):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step(loss.item())
    if loss.item() < best:
        best, kept = loss.item(), copy.deepcopy([model.state_dict(), optimizer.state_dict()])
    if step in (9, 17):
        stored = io.BytesIO()
        torch.save({"model": kept[0], "optimizer": kept[1]}, stored)
        stored.seek(0)
        state = torch.load(stored, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        print("reloaded", step, best)
print(best, loss.item(), optimizer.param_groups[0]["lr"])
