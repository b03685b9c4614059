"""How fast landscapes are: against the plain loop, and against the loss-landscapes package.

    python benchmarks/landscape.py [--rounds 5] [--write docs/landscapes.md]

Two cases, as ratios of seconds: a 100 x 100 grid of a line (100 points, L1), and a plane of a 64-128-10 MLP on all
1,797 handwritten digits. The variants take turns, in another order each round; each figure is the median of its
wall-clock times, everything included: set-up, the probe for the fastest way, and copies. A turn lasts a quarter of a
second at least, with as many calls as that takes; one short call alone, with cold caches, takes a millisecond more. The
package comes from PyPI into .venv/peers on first use.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from measured import put
from sklearn.datasets import load_digits
from torch import nn

from surefoot.landscape import Objective, evaluate, grid, random_direction

PEERS = ("loss-landscapes==3.0.6", "tqdm")
TURN = 0.25  # seconds of a turn at least
ROOT = Path(__file__).resolve().parent.parent


def plain_loop(
    model: nn.Module,
    loss: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    directions: list[list[torch.Tensor]],
    points: np.ndarray,
) -> np.ndarray:
    """What one would write by hand, cleanly: move the parameters, run the model, read the loss."""
    parameters = list(model.parameters())
    start = [p.detach().clone() for p in parameters]
    losses = []
    with torch.no_grad():
        for a, b in points.tolist():
            for p, s, d, e in zip(parameters, start, *directions, strict=True):
                torch.add(s, d, alpha=a, out=p).add_(e, alpha=b)
            losses.append(loss(model(x), y).item())
        for p, s in zip(parameters, start, strict=True):
            p.copy_(s)
    return np.array(losses)


def turns(variants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of a call of each, taking turns; the first round only warms up."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    order = list(variants)
    for turn in range(rounds + 1):
        random.Random(turn).shuffle(order)
        for name in order:
            calls, start, spent = 0, time.perf_counter(), 0.0
            while spent < TURN:
                variants[name]()
                calls, spent = calls + 1, time.perf_counter() - start
            if turn:
                times[name].append(spent / calls)
    return {name: statistics.median(values) for name, values in times.items()}


def line(rounds: int) -> tuple[dict[str, float], str, float]:
    """100 x 100 grid of a line's weight and bias."""
    torch.manual_seed(0)
    x = torch.rand(100, 1)
    y = 3 * x + 1 + 0.1 * torch.randn(100, 1)
    model, loss = nn.Linear(1, 1), nn.L1Loss()
    with torch.no_grad():
        model.weight.fill_(0.0)
        model.bias.fill_(0.0)
    axis = np.linspace(-5, 5, 100)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    ways: list[str] = []
    results: dict[str, np.ndarray] = {}

    def ours() -> None:
        surface = grid(
            Objective(model, loss, (x, y)),
            "weight[0, 0]",
            "bias[0]",
            x_range=(-5, 5),
            y_range=(-5, 5),
            points=100,
            descent=False,
        )
        ways.append(str(surface.settings["way"]))
        results["ours"] = surface.losses.ravel()

    def by_hand() -> None:
        unit = [[torch.ones(1, 1), torch.zeros(1)], [torch.zeros(1, 1), torch.ones(1)]]
        results["plain"] = plain_loop(model, loss, x, y, unit, points)

    seconds = turns({"surefoot": ours, "plain loop": by_hand}, rounds)
    return seconds, ways[-1], float(np.abs(results["ours"] - results["plain"]).max())


def digits(rounds: int, steps: int) -> tuple[dict[str, float], str, float]:
    """A random filter-normalised plane of an MLP on all digits."""
    import loss_landscapes
    from loss_landscapes.metrics import Loss

    inputs, target = load_digits(return_X_y=True)
    x, y = torch.tensor(inputs / 16, dtype=torch.float32), torch.tensor(target)
    torch.manual_seed(0)
    model, loss = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(100):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    axis = np.linspace(-1, 1, steps)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2).astype(np.float32)
    shared = Objective(model, loss, (x, y))
    flat = [random_direction(shared, seed=0), random_direction(shared, seed=1)]
    parts = [[t.clone() for t in shared.unflat(d).values()] for d in flat]
    ways: list[str] = []
    results: dict[str, np.ndarray] = {}

    def ours() -> None:
        done = evaluate(Objective(model, loss, (x, y)), flat, points)
        ways.append(done.way)
        results["ours"] = done.losses

    def by_hand() -> None:
        results["plain"] = plain_loop(model, loss, x, y, parts, points)

    def package() -> None:
        # Its own directions; it works out its plane point by point, as many points. It moves and freezes the model.
        loss_landscapes.random_plane(
            model, Loss(loss, x, y), distance=1, steps=steps, normalization="filter", deepcopy_model=True
        )

    seconds = turns({"surefoot": ours, "plain loop": by_hand, "loss-landscapes": package}, rounds)
    return seconds, ways[-1], float(np.abs(results["ours"] - results["plain"]).max())


def growth() -> tuple[float, float]:
    """Time of 4 x the points, and of 4 x the data, over the time of 1 x; by the plain way, so that only size counts."""
    torch.manual_seed(0)
    model, loss = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)), nn.CrossEntropyLoss()
    x, y = torch.randn(500, 64), torch.randint(0, 10, (500,))
    directions = [random_direction(Objective(model, loss, (x, y)), seed=s) for s in (0, 1)]

    def seconds(batches: int, points: int) -> float:
        objective = Objective(model, loss, [(x, y)] * batches)
        coefficients = np.random.default_rng(0).normal(size=(points, 2)).astype(np.float32)
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            evaluate(objective, directions, coefficients, way="loop, computed ahead")
            best = min(best, time.perf_counter() - start)
        return best

    base = seconds(1, 300)
    return seconds(1, 1200) / base, seconds(4, 300) / base


def in_environment_of_peers() -> bool:
    """Whether the package can be imported; else make its environment."""
    home = ROOT / ".venv" / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    if not (packages / "loss_landscapes").exists():
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, *PEERS], check=True)
    beside = [sysconfig.get_paths()["purelib"], str(ROOT / "src")]
    if Path(sys.prefix).resolve() == home.resolve():
        return True
    (packages / "beside.pth").write_text("\n".join(beside) + "\n")
    return False


def table(rounds: int, steps: int) -> str:
    """Both cases as Markdown."""
    rows = [
        "| case | against | seconds | surefoot's | ratio | way, largest difference |",
        "| - | - | - | - | - | - |",
    ]
    cases = {
        "100 x 100 grid of a line, 100 points, L1": line(rounds),
        f"{steps} x {steps} plane of a 64-128-10 MLP, 1,797 digits": digits(rounds, steps),
    }
    for case, (seconds, way, off) in cases.items():
        own = seconds["surefoot"]
        for name, other in seconds.items():
            if name == "surefoot":
                continue
            shown = f"{way}; {off:.0e}" if name == "plain loop" else "its directions are its own"
            rows.append(f"| {case} | {name} | {other:.3f} | {own:.4f} | {other / own:.1f} | {shown} |")
    points, data = growth()
    rows += ["", f"4 times the points took {points:.1f} times as long, 4 times the data {data:.1f} times."]
    rows += ["", f"torch {torch.__version__.split('+')[0]}, {torch.get_num_threads()} threads."]
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not in_environment_of_peers():
        python = str(ROOT / ".venv" / "peers" / "bin" / "python")
        os.execv(python, [python, *sys.argv])
    measured = table(options.rounds, options.steps)
    print(measured)
    if options.write:
        put(measured, options.write, __file__)


if __name__ == "__main__":
    main()
