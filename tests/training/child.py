"""Trainings in a process of their own, to be killed. Run by the tests of resuming."""

import os
import signal
import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from .tasks import network, regression

STEPS = 40


class Noisy(Dataset):
    """Examples with an augmentation that draws from every generator."""

    def __init__(self):
        self.x, self.y = regression()

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        noise = torch.randn(5) * 0.1 + float(np.random.rand()) * 0.1
        return self.x[index] + noise, self.y[index]


class Stream:
    """Ready batches in an order that the global generator decides."""

    def __init__(self):
        self.x, self.y = regression()

    def __iter__(self):
        order = torch.randperm(len(self.x))
        for start in range(0, len(order), 8):
            taken = order[start : start + 8]
            yield self.x[taken] + 0.1 * torch.randn(len(taken), 5), self.y[taken]


KINDS = {
    "tensors": regression,
    "dataset": Noisy,
    "stream": Stream,
}


def train(folder, kind="tensors", checkpoint_every=7, optimizer="adamw", resume=True, steps=STEPS, **options):
    """A training whose every bit depends on order, dropout, augmentation and all states."""
    from surefoot.training import fit

    torch.set_num_threads(1)
    sizes = {} if kind == "stream" else {"batch_size": 8}
    return fit(
        network(),
        nn.MSELoss(),
        KINDS[kind](),
        optimizer=optimizer,
        lr=1e-2,
        schedule="warmup(10) >> cosine(30, end=0.1)",
        validate=regression(30, seed=5),
        accumulate=2,
        steps=steps,
        folder=folder,
        checkpoint_every=checkpoint_every,
        resume=resume,
        observe=False,
        **sizes,
        **options,
    )


def killed_at_call(folder, number, kind="tensors"):
    """Train, and die by SIGKILL at the n-th call into the file system that a checkpoint makes."""
    from surefoot.training import checkpoint

    calls = 0

    def counted(call):
        def wrapped(*args, **kwargs):
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapped

    module = checkpoint.safetensors_or_raise()
    module.save_file = counted(module.save_file)
    for owner, name in (
        (os, "replace"),
        (os, "fsync"),
        (checkpoint.Path, "rename"),
        (checkpoint.Path, "mkdir"),
        (checkpoint.Path, "write_text"),
        (checkpoint.Path, "unlink"),
        (checkpoint.Path, "rmdir"),
    ):
        setattr(owner, name, counted(getattr(owner, name)))
    train(folder, kind)


def killed_at_step(folder, number, kind="tensors", **options):
    """Train, and die by SIGKILL inside the n-th optimizer step, half of the weights moved."""
    from surefoot.training import stepping

    taken = 0
    call = stepping.Stepper.__call__

    def counted(self, batch):
        nonlocal taken
        taken += 1
        if taken == number:
            with torch.no_grad():
                next(iter(self._parameters)).mul_(2)
            os.kill(os.getpid(), signal.SIGKILL)
        return call(self, batch)

    stepping.Stepper.__call__ = counted
    train(folder, kind, **options)


if __name__ == "__main__":
    train(sys.argv[1])
