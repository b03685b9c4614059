"""The script reads its own source and its frames, as experiment trackers do."""
import inspect
import sys
import traceback

import torch
import torch.nn.functional as F
from torch import nn


def step(model, optimizer):
    """One step."""
    optimizer.zero_grad()
    loss = F.l1_loss(model(torch.ones(3, 2)), torch.zeros(3, 1))
    loss.backward()
    optimizer.step()
    return loss


class Net(nn.Linear):
    def forward(self, x):
        frame = sys._getframe()
        Net.seen = [f.name for f in traceback.extract_stack(frame) if f.filename == __file__]
        return super().forward(x)


torch.manual_seed(43)
model = Net(2, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for _ in range(6):
    loss = step(model, optimizer)
print(loss.item(), Net.seen)
print(inspect.getsource(step), inspect.getsourcefile(Net) == __file__, inspect.getmodule(step).__name__)
print(open(__file__).read().count("\n"), sys.argv, __name__, __doc__, __spec__, sys.modules["__main__"].step is step)
for function in (F.l1_loss, torch.autograd.grad, nn.utils.clip_grad_norm_, torch.Tensor.backward, torch.compile):
    print(function.__module__, function.__qualname__, inspect.signature(function))
print(inspect.getsource(F.l1_loss).count("\n"), inspect.getfullargspec(F.mse_loss).args)
