"""Other programs are run beside the training, Python among them, and what they inherit is shown."""
import os
import subprocess
import sys

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range(4):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
    loss.backward()
    optimizer.step()
    done = subprocess.run(["echo", f"step {step} loss {loss.item()}"], capture_output=True, text=True, check=True)
    print(done.stdout, end="")
ask = "import sys; print(sorted(m for m in sys.modules if 'surefoot' in m), sys.argv, sys.flags.optimize)"
print(subprocess.check_output([sys.executable, "-c", ask, "argument"], text=True), end="")
print(sorted(os.environ.keys() - {"SUREFOOT_TRAINING", "PYTHONPATH"}))  # these two lead what it starts back to surefoot
if (child := os.fork()) == 0:
    loss = model(torch.ones(1, 3)).sum()
    loss.backward()
    optimizer.step()
    print("child", loss.item(), flush=True)
    os._exit(4)
print("parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
