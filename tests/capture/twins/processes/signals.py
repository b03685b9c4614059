"""Alarms, a signal of the user's own and SIGTERM, each with a handler that trains or raises."""
import os
import signal
import sys

import torch
from torch import nn


class OutOfTime(Exception):
    pass


def late(number, frame):
    raise OutOfTime(signal.Signals(number).name)


def note(number, frame):
    print("noted", signal.Signals(number).name, step, frame.f_code.co_name in ("<module>", "backward", "train"))


def end(number, frame):
    print("terminated at", step)
    sys.exit(15)


signal.signal(signal.SIGALRM, late)
signal.signal(signal.SIGUSR1, note)
signal.signal(signal.SIGTERM, end)
torch.manual_seed(0)
model = nn.Linear(3, 1)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
for step in range(30):
    try:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(torch.randn(4, 3)), torch.ones(4, 1))
        loss.backward()
        if step == 3:
            os.kill(os.getpid(), signal.SIGUSR1)
        if step == 5:
            signal.raise_signal(signal.SIGALRM)
        optimizer.step()
    except OutOfTime as error:
        print("out of time", error, step)
    if step == 12:
        os.kill(os.getpid(), signal.SIGTERM)
print("never here")
