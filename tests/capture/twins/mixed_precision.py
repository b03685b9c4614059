"""Autocast in bfloat16 with a scaler that is off, then one that is on and skips a step."""
import torch
from torch import nn

torch.manual_seed(35)
model = nn.Sequential(nn.Linear(6, 16), nn.GELU(), nn.Linear(16, 2))
optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
x, y = torch.randn(24, 6), torch.randint(0, 2, (24,))
for enabled in (False, True):
    scaler = torch.amp.GradScaler("cpu", enabled=enabled, init_scale=2.0**10, growth_interval=3)
    for step in range(8):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(model(x), y)
        if enabled and step == 4:
            loss = loss * float("inf")
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        print(enabled, step, loss.item(), norm.item(), scaler.get_scale())
print(scaler.state_dict())
