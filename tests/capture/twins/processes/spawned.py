"""Workers started by spawn and by a fork server are given functions and state by pickling."""
import functools
import multiprocessing

import torch
import torch.nn.functional as F
from torch import nn


def evaluate(state, clip, criterion):
    torch.manual_seed(1)
    model = nn.Linear(3, 2)
    model.load_state_dict(state)
    loss = criterion(model(torch.randn(5, 3)), torch.tensor([0, 1, 0, 1, 0]))
    loss.backward()
    return loss.item(), clip(model.parameters(), 0.5).item(), __name__


def main():
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    criterion = functools.partial(F.cross_entropy, label_smoothing=0.1)
    for _ in range(4):
        optimizer.zero_grad()
        criterion(model(torch.randn(5, 3)), torch.randint(0, 2, (5,))).backward()
        optimizer.step()
    for method in ("spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            print(method, pool.apply(evaluate, (model.state_dict(), nn.utils.clip_grad_norm_, criterion)))


if __name__ == "__main__":
    main()
