"""`fit` against the same loop written by hand: processor time a step, and whether losses are the same bits.

    python benchmarks/fit.py [--steps 1500] [--repeats 7] [--json FILE]

Each pair runs in turns. A run's steps are timed from the first batch after a warm-up to the last, so that neither
imports nor the opening of a run count. Everything runs in one thread and its processor time is what counts, so that a
busy machine disturbs little. The ratio is the median over the repeats, with the
lowest and the highest beside it.

plain      clip=None, not observed, against a hand-written loop that checks nothing
guarded    clip="auto", not observed, against the hand-written loop with AutoClip attached
observed   fit as it is by default, against the hand-written loop with AutoClip under surefoot.watch
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch import nn

from surefoot.capture import watch
from surefoot.clipping import AutoClip
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.training import epoch_order, fit

EXAMPLES, FEATURES, CLASSES, BATCH = 4096, 64, 10, 64
WARM_UP = 100
LIMIT = 1.05


class Clock:
    """A schedule that is constant and notes when it is asked: after every step."""

    def __init__(self) -> None:
        self._times: dict[int, float] = {}

    def __call__(self, step: int) -> float:
        self._times[step] = time.thread_time()
        return 1.0

    @property
    def times(self) -> list[float]:
        """After each step; the first is before any."""
        return [self._times[step] for step in sorted(self._times)]


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


def seconds(times: list[float], steps: int) -> float:
    return (times[-1] - times[-1 - (steps - WARM_UP)]) / (steps - WARM_UP)


def by_hand(width: int, steps: int, clip: bool, observe: bool, runs: str) -> tuple[float, list[float]]:
    """(seconds a step, losses) of what one writes oneself; losses wait on the device until the end."""
    x, y = data()
    model, loss_function = network(width), nn.CrossEntropyLoss()
    torch.manual_seed(0)
    optimizer = make_optimizer("adamw", model)
    clipper = AutoClip() if clip else None
    watching = watch(model, optimizer, clip=clipper, runs=runs) if observe else contextlib.nullcontext()
    if clipper is not None and not observe:
        clipper.attach(optimizer)
    times, losses, taken, epoch = [], [], 0, 0
    with watching:
        while taken < steps:
            order = epoch_order(EXAMPLES, seed=0, epoch=epoch)
            for start in range(0, EXAMPLES, BATCH):
                indices = torch.tensor(order[start : start + BATCH])
                optimizer.zero_grad()
                loss = loss_function(model(x[indices]), y[indices])
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
                taken += 1
                times.append(time.thread_time())
                if taken == steps:
                    break
            epoch += 1
    return seconds(times, steps), torch.stack(losses).double().tolist()


def by_fit(width: int, steps: int, clip: bool, observe: bool, runs: str) -> tuple[float, list[float]]:
    clock = Clock()
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
    return seconds(clock.times, steps), result.losses.tolist()


def compared(width: int, steps: int, repeats: int, clip: bool, observe: bool) -> dict[str, float | bool]:
    ratios, hand, ours, same = [], [], [], True
    pair: tuple[Callable[..., tuple[float, list[float]]], ...] = (by_hand, by_fit)
    for repeat in range(repeats):
        found = {}
        for run in pair if repeat % 2 else reversed(pair):
            with tempfile.TemporaryDirectory() as runs:
                found[run] = run(width, steps, clip, observe, runs)
        hand.append(found[by_hand][0])
        ours.append(found[by_fit][0])
        ratios.append(ours[-1] / hand[-1])
        same = same and found[by_hand][1] == found[by_fit][1]
    return {
        "by_hand_microseconds": 1e6 * statistics.median(hand),
        "fit_microseconds": 1e6 * statistics.median(ours),
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "same_losses": same,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", help="write the numbers to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    by_fit(64, WARM_UP + 1, False, False, "unused")  # imports and first calls
    results = {}
    print(f"{'':10} {'width':>6} {'by hand':>10} {'fit':>10} {'ratio':>7}  (lowest, highest)  same losses")
    for kind, clip, observe in (("plain", False, False), ("guarded", True, False), ("observed", True, True)):
        for width in (128, 512):
            found = compared(width, given.steps, given.repeats, clip, observe)
            results[f"{kind} {width}"] = found
            print(
                f"{kind:10} {width:6} {found['by_hand_microseconds']:7.0f} µs {found['fit_microseconds']:7.0f} µs "
                f"{found['ratio']:7.3f}  ({found['lowest']:.3f}, {found['highest']:.3f})     {found['same_losses']}",
                flush=True,
            )
    missed = [kind for kind, found in results.items() if found["ratio"] > LIMIT]
    print(f"limit {LIMIT}: {'missed by ' + ', '.join(missed) if missed else 'kept'}")
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
