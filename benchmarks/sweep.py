"""All rates of a sweep at once beside the plain loop: `python benchmarks/sweep.py`; exits 1 below the goal.

Both train the line y = 3x - 1 by full batches of plain gradient descent, one thread, from the same start. What is
timed is a step of all members; tracing, which is done once, is told beside it. The least of several rounds counts:
what else runs on the machine makes a round longer, never shorter.
"""

from __future__ import annotations

import sys
import time

import torch
from torch import nn

from surefoot.search.together import Together
from surefoot.training.task import Task

GOALS = {6: 3.0, 24: 12.0}  # members -> times the plain loop
STEPS, ROUNDS = 100, 7


def plain(rates: list[float], x: torch.Tensor, y: torch.Tensor) -> None:
    """The loop that everybody writes."""
    for rate in rates:
        torch.manual_seed(0)
        model, loss_of = nn.Linear(1, 1), nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = loss_of(model(x), y)
            loss.backward()
            optimizer.step()


def main() -> int:
    torch.set_num_threads(1)
    x = torch.linspace(-1, 1, 64).unsqueeze(1)
    y = 3 * x - 1
    failed = False
    print(
        "| rates | plain loop, ms a step | at once, ms a step | times | tracing, s |\n| -: | -: | -: | -: | -: |"
    )
    for count, goal in GOALS.items():
        rates = torch.logspace(-3, -0.5, count).tolist()
        torch.manual_seed(0)
        zeros = [0.0] * count
        once = Together(nn.Linear(1, 1), Task(nn.MSELoss()), "gd", rates, zeros, [{}] * count)
        began = time.perf_counter()
        once.step((x, y))
        tracing = time.perf_counter() - began
        took: dict[str, list[float]] = {"plain": [], "once": []}
        for _ in range(ROUNDS):
            began = time.perf_counter()
            for _ in range(STEPS):
                once.step((x, y))
            middle = time.perf_counter()
            plain(rates, x, y)
            took["once"].append(middle - began)
            took["plain"].append(time.perf_counter() - middle)
        alone, together = (1e3 * min(took[name]) / STEPS for name in ("plain", "once"))
        failed |= alone < goal * together
        print(f"| {count} | {alone:.3f} | {together:.3f} | {alone / together:.1f} | {tracing:.2f} |")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
