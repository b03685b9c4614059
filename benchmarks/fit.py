"""`fit` against the same loop written by hand: processor time a step, and whether losses are the same bits.

    python benchmarks/fit.py [--steps 2400] [--write docs/training.md]

Two processes, one for each loop, take turns of a few steps, so that both meet the machine in the same moods; each turn
of one is divided by the turn of the other beside it. Everything runs in one thread, and the processor time of all the
process's threads is what counts. The ratio is the median over the turns after a warm-up, with the quarter and the three
quarter points beside it. Neither imports nor the opening of a run count.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from measured import put
from torch import nn

from surefoot.capture import watch
from surefoot.clipping import AutoClip
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.training import epoch_order, fit

EXAMPLES, FEATURES, CLASSES, BATCH = 4096, 64, 10, 64
TURN = 20  # steps
WARM_UP = 10  # turns
LIMIT = 1.05

# What it is against what, whether both clip, whether both are observed.
KINDS = {
    "plain": ("`clip=None`, not observed, against a loop that checks nothing", False, False),
    "guarded": ("AutoClip on both sides", True, False),
    "observed": ("AutoClip and observation on both sides (`fit`'s default)", True, True),
}


class Clock:
    """A schedule that is constant, and hands the machine over to the other loop after every turn."""

    def __init__(self, other: Connection) -> None:
        self._other = other
        self._spent = time.process_time()
        self._step = 0

    def __call__(self, step: int) -> float:
        if step == self._step + TURN:
            self._step = step
            now = time.process_time()
            self._other.send(now - self._spent)
            self._spent = now
            self._other.recv()
        return 1.0


def data() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(EXAMPLES, FEATURES, generator=generator)
    return x, (x @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)


def network(width: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(FEATURES, width),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, CLASSES),
    )


def by_hand(clock: Clock, width: int, steps: int, clip: bool, observe: bool, runs: str) -> list[float]:
    """Losses of what one writes oneself; they wait on the device until the end."""
    x, y = data()
    model, loss_function = network(width), nn.CrossEntropyLoss()
    torch.manual_seed(0)
    optimizer = make_optimizer("adamw", model)
    clipper = AutoClip() if clip else None
    watching = watch(model, optimizer, clip=clipper, runs=runs) if observe else contextlib.nullcontext()
    if clipper is not None and not observe:
        clipper.attach(optimizer)
    losses: list[torch.Tensor] = []
    epoch = 0
    with watching:
        while len(losses) < steps:
            order = epoch_order(EXAMPLES, seed=0, epoch=epoch)
            for start in range(0, EXAMPLES, BATCH):
                indices = torch.tensor(order[start : start + BATCH])
                optimizer.zero_grad()
                loss = loss_function(model(x[indices]), y[indices])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
                clock(len(losses))
                if len(losses) == steps:
                    break
            epoch += 1
    found: list[float] = torch.stack(losses).double().tolist()
    return found


def by_fit(clock: Clock, width: int, steps: int, clip: bool, observe: bool, runs: str) -> list[float]:
    """Losses of `fit`."""
    result = fit(
        network(width),
        nn.CrossEntropyLoss(),
        data(),
        batch_size=BATCH,
        steps=steps,
        schedule=clock,
        clip="auto" if clip else None,
        observe=observe,
        runs=runs,
        progress=False,
    )
    losses: list[float] = result.losses.tolist()
    return losses


def work(loop: Any, other: Connection, *settings: Any) -> None:
    """One process: the loop, a turn at a time; its losses last."""
    torch.set_num_threads(1)
    other.recv()
    with tempfile.TemporaryDirectory() as runs:
        other.send(loop(Clock(other), *settings, runs))


def compared(width: int, steps: int, clip: bool, observe: bool) -> dict[str, float | bool]:
    """Both loops, taking turns."""
    context = multiprocessing.get_context("spawn")
    ends, processes = [], []
    for loop in (by_hand, by_fit):
        ours, theirs = context.Pipe()
        process = context.Process(target=work, args=(loop, theirs, width, steps, clip, observe))
        process.start()
        ends.append(ours)
        processes.append(process)
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(steps // TURN):
        for which in (0, 1) if turn % 2 else (1, 0):
            ends[which].send("go")
            times[which].append(ends[which].recv())
    losses = []
    for end, process in zip(ends, processes, strict=True):
        end.send("go")
        losses.append(end.recv())
        process.join()
    hand, ours = (found[WARM_UP:] for found in times)
    ratios = [b / a for a, b in zip(hand, ours, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return {
        "by_hand_microseconds": 1e6 * statistics.median(hand) / TURN,
        "fit_microseconds": 1e6 * statistics.median(ours) / TURN,
        "ratio": middle,
        "lower_quartile": low,
        "upper_quartile": high,
        "same_losses": losses[0] == losses[1],
    }


def table(results: dict[tuple[str, int], dict[str, float | bool]]) -> str:
    """As Markdown."""
    rows = [
        "| | width of the network | by hand, µs a step | `fit`, µs | ratio | quartiles | same losses |",
        "| - | - | - | - | - | - | - |",
    ]
    for (kind, width), found in results.items():
        rows.append(
            f"| {KINDS[kind][0]} | {width} | {found['by_hand_microseconds']:,.0f} | {found['fit_microseconds']:,.0f} | "
            f"{found['ratio']:.3f} | {found['lower_quartile']:.3f} to {found['upper_quartile']:.3f} | "
            f"{'yes' if found['same_losses'] else 'no'} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=2400)
    parser.add_argument("--write", type=Path, help="put the table between the marks of this page")
    given = parser.parse_args()
    results: dict[tuple[str, int], dict[str, float | bool]] = {}
    for kind, (_, clip, observe) in KINDS.items():
        for width in (128, 512):
            results[kind, width] = compared(width, given.steps // TURN * TURN, clip, observe)
            print(table(results).splitlines()[-1], flush=True)
    missed = [f"{kind} {width}" for (kind, width), found in results.items() if found["ratio"] > LIMIT]
    print(f"limit {LIMIT}: {'missed by ' + ', '.join(missed) if missed else 'kept'}")
    if given.write:
        put(table(results), given.write, __file__)


if __name__ == "__main__":
    main()
