"""An error with a cause, inside functions of the script, with a hook for uncaught errors."""
import sys

import torch
import torch.nn.functional as F
from torch import nn


def hook(kind, error, trace):
    print("uncaught", kind.__name__, error, type(error.__cause__).__name__, trace.tb_frame.f_code.co_name)
    sys.__excepthook__(kind, error, trace)


def step(model, x):
    try:
        return F.mse_loss(model(x), torch.ones(4, 1))
    except RuntimeError as error:
        raise ValueError("batch of a wrong width") from error


sys.excepthook = hook
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for width in (3, 3, 3, 2):
    optimizer.zero_grad()
    step(model, torch.randn(4, width)).backward()
    optimizer.step()
