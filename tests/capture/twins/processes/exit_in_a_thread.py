"""A thread raises, another calls exit; the main thread trains to its end."""
import sys
import threading

import torch
from torch import nn


def leave():
    sys.exit(5)


def fail():
    raise LookupError("nothing here")


threading.excepthook = lambda hook: print("in a thread", hook.exc_type.__name__, hook.exc_value, file=sys.stderr)
for target in (leave, fail):
    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(5):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
    loss.backward()
    optimizer.step()
print(loss.item())
late = threading.Thread(target=lambda: print("a thread that outlives the main one", model.weight.shape))
threading.Timer(0.1, late.start).start()
