"""What PyTorch and the script warn is said on stderr, once, with the script's own lines."""
import logging
import warnings

import torch
import torch.nn.functional as F
from torch import nn

warnings.resetwarnings()
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(filename)s:%(lineno)d %(message)s")
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2)
for step in range(3):
    schedule.step()
    optimizer.zero_grad()
    loss = F.mse_loss(model(torch.randn(4, 3)), torch.ones(4))
    loss.backward(create_graph=step == 1)
    optimizer.step()
    warnings.warn(f"step {step}", stacklevel=1)
    logging.info("loss %s", loss.item())
F.kl_div(torch.zeros(2, 2), torch.full((2, 2), 0.5))
