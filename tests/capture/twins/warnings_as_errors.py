"""Every warning is an error, and what is warned names the script's own lines."""
import warnings

import torch
import torch.nn.functional as F
from torch import nn

warnings.simplefilter("error")
torch.manual_seed(26)
model = nn.Linear(4, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 3)
for step in range(8):
    loss = F.mse_loss(model(torch.randn(6, 4)), torch.zeros(6, 1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
print(loss.item())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    F.mse_loss(model(torch.randn(6, 4)), torch.zeros(6))
    F.kl_div(torch.zeros(2, 2), torch.ones(2, 2) / 2, reduction="mean")
    torch.nn.functional.softmax(torch.zeros(3))
    print([(w.category.__name__, w.filename == __file__, w.lineno) for w in caught])
try:
    F.mse_loss(model(torch.randn(6, 4)), torch.zeros(6))
except UserWarning as warning:
    print("raised", str(warning)[:40])
