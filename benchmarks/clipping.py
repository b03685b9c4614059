"""What clipping costs, beside its peers: (clip + step) / step, and a percentile a step.

    python benchmarks/clipping.py [--rounds 40] [--write docs/clipping.md]

The peers come from PyPI into an environment of their own, .venv/peers, made on first use; it sees the packages
of the environment that runs this file. All variants of a row share one model and one optimizer state and take
turns, in another order each round; each is the median of its thread CPU time. Gradients are rewritten before each
turn, with lengths that vary as norms do, so that AutoClip(10) clips nine steps in ten and a fixed norm always.
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
from typing import Any

from measured import put

PEERS = ("autoclip==0.2.1", "smartclip==0.1.1")
ROOT = Path(__file__).resolve().parent.parent


def in_environment_of_peers() -> bool:
    """Whether the peers can be imported; else make their environment."""
    home = ROOT / ".venv" / "peers"
    python = home / "bin" / "python"
    if Path(sys.prefix).resolve() == home.resolve():
        return True
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, *PEERS], check=True)
    # Sees what this environment has, torch and surefoot among it.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    paths = [sysconfig.get_paths()["purelib"], str(ROOT / "src")]
    (home / "lib" / version / "site-packages" / "beside.pth").write_text("\n".join(paths) + "\n")
    return False


def models() -> dict[str, Callable[[], Any]]:
    import torch
    from torch import nn

    def transformer() -> nn.Module:
        layer = nn.TransformerEncoderLayer(384, 6, 1536, batch_first=True)
        return nn.ModuleList([nn.TransformerEncoder(layer, 5), nn.Embedding(2000, 384), nn.Linear(384, 2000)])

    def mlp() -> nn.Module:
        return nn.Sequential(nn.Linear(1024, 2048), *[nn.Linear(2048, 2048) for _ in range(2)])

    def tiny() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))

    torch.manual_seed(0)
    return {"10M transformer": transformer, "10M MLP": mlp, "tiny MLP": tiny}


def norms_like_a_training(count: int) -> Any:
    import numpy as np

    return np.exp(0.3 * np.random.default_rng(0).standard_normal(count)).astype(np.float32)


def pseeths_algorithm(history: list[float], parameters: list[Any]) -> Callable[[], None]:
    """The paper's code by its description: a norm tensor by tensor, a list, its percentile, then clip."""
    import numpy as np
    import torch

    def clip() -> None:
        total = 0.0
        for p in parameters:
            total += p.grad.norm(2).item() ** 2
        history.append(total**0.5)
        torch.nn.utils.clip_grad_norm_(parameters, float(np.percentile(history, 10)))

    return clip


def timms_agc(parameters: list[Any], clipping: float = 0.01, eps: float = 1e-3) -> Callable[[], None]:
    """Unit-wise clipping by timm's description: norms, a clipped copy and a choice for every tensor."""
    import torch

    def units(x: Any) -> Any:
        if x.ndim <= 1:
            return x.norm(2.0)
        return x.norm(2.0, dim=tuple(range(1, x.ndim)), keepdim=True)

    @torch.no_grad()
    def clip() -> None:
        for p in parameters:
            limit = units(p.detach()).clamp_(min=eps).mul_(clipping)
            norm = units(p.grad)
            smaller = p.grad * (limit / norm.clamp(min=1e-6))
            p.grad.copy_(torch.where(norm < limit, p.grad, smaller))

    return clip


class Variant:
    """One way to clip: called before the step, or attached for it."""

    def __init__(self, name: str, clip: Callable[[], None] | None = None, clipper: Any = None) -> None:
        self.name = name
        self.clip = clip
        self.clipper = clipper
        self.optimizer: Any = None


def variants(model: Any) -> list[Variant]:
    import smartclip
    import torch
    from autoclip.torch import QuantileClip

    import surefoot as sf
    from surefoot.norms import global_norm, per_parameter_norms

    parameters = list(model.parameters())

    def learned(steps: int, **settings: Any) -> Any:
        clipper = sf.AutoClip(10, **settings)
        state = clipper.state_dict()
        norms = norms_like_a_training(steps) * BASE_NORM
        clipper.load_state_dict({**state, "histories": {"all gradients": torch.from_numpy(norms).double()}})
        return clipper

    def history(steps: int) -> list[float]:
        return [float(x) for x in norms_like_a_training(steps) * BASE_NORM]

    local = QuantileClip(parameters, quantile=0.1)
    wide = QuantileClip(parameters, quantile=0.1, history_length=100_000, global_threshold=True)
    wide.state["global_history"] = torch.tensor(history(100_000))
    smart = smartclip.AutoClip()
    z = sf.ZClip()
    return [
        Variant("step alone"),
        Variant(
            "norm only (the floor)", lambda: global_norm(per_parameter_norms([p.grad for p in parameters]))
        ),
        Variant("surefoot AutoClip, 1k steps", clipper=learned(1000)),
        Variant("surefoot AutoClip, 1M steps", clipper=learned(1_000_000)),
        Variant("surefoot AutoClip, window 1k", clipper=learned(1000, window=1000)),
        Variant("surefoot AutoClip, each parameter", clipper=sf.AutoClip(10, scope="parameter")),
        Variant("surefoot ClipByNorm", clipper=sf.ClipByNorm(BASE_NORM / 10)),
        Variant("surefoot ZClip", clipper=z),
        Variant("surefoot AGC", clipper=sf.AdaptiveGradientClip()),
        Variant("torch clip_grad_norm_", lambda: torch.nn.utils.clip_grad_norm_(parameters, BASE_NORM / 10)),
        Variant("pseeth's algorithm, 1k steps", pseeths_algorithm(history(1000), parameters)),
        Variant("pseeth's algorithm, 100k steps", pseeths_algorithm(history(100_000), parameters)),
        Variant("autoclip package, default", local.step),
        Variant("autoclip package, global 100k", wide.step),
        Variant("smartclip package, default", lambda: smartclip.apply(model, smart)),
        Variant("timm's AGC", timms_agc(parameters)),
    ]


BASE_NORM = 1.0


def measure_row(make: Callable[[], Any], fused: bool, rounds: int) -> dict[str, float]:
    """Median microseconds of each variant's clip and step."""
    import torch

    model = make()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-6, fused=fused, foreach=not fused)
    total = sum(p.numel() for p in parameters)
    gradients = [torch.randn_like(p) * BASE_NORM / total**0.5 for p in parameters]
    lengths = norms_like_a_training(100_000)
    for p in parameters:
        p.grad = torch.zeros_like(p)
    ways = variants(model)
    for way in ways:
        way.optimizer = torch.optim.AdamW(parameters, lr=1e-6, fused=fused, foreach=not fused)
        way.optimizer.state = optimizer.state
        if way.clipper is not None:
            way.clipper.attach(way.optimizer)
    times: dict[str, list[int]] = {way.name: [] for way in ways}
    turn = 0
    for repeat in range(rounds + 5):
        random.shuffle(ways)
        for way in ways:
            turn += 1
            with torch.no_grad():
                torch._foreach_copy_([p.grad for p in parameters], gradients)
                torch._foreach_mul_([p.grad for p in parameters], float(lengths[turn % len(lengths)]))
            start = time.thread_time_ns()
            if way.clip is not None:
                way.clip()
            way.optimizer.step()
            spent = time.thread_time_ns() - start
            if repeat >= 5:
                times[way.name].append(spent)
    return {name: statistics.median(spent) / 1e3 for name, spent in times.items()}


def measure_percentiles(steps: int) -> dict[str, dict[int, float]]:
    """Microseconds a step to take a norm in and give the percentile, at each length of the history."""
    from bisect import insort

    import numpy as np
    import torch

    from surefoot.clipping.history import percentile_history

    table: dict[str, dict[int, float]] = {}
    for count in (1_000, 10_000, 100_000, 1_000_000):
        norms = norms_like_a_training(count + steps).tolist()
        start, new = norms[:count], norms[count:]
        full = percentile_history(10, None, start)
        window = percentile_history(10, count, start)
        ordered = sorted(start)
        growing = list(start)
        array = np.array(start)
        tensor = torch.tensor(start)

        def by_insort(value: float, ordered: list[float] = ordered) -> None:
            insort(ordered, value)

        def by_numpy(value: float, array: Any = array) -> None:
            np.percentile(array, 10)

        def by_list(value: float, growing: list[float] = growing) -> None:
            growing.append(value)
            np.percentile(growing, 10)

        def by_torch(value: float, tensor: Any = tensor) -> None:
            torch.quantile(tensor, 0.1)

        ways: dict[str, tuple[Callable[[float], Any], int]] = {
            "surefoot, full history": (full.observe, steps),
            "surefoot, window of the same length": (window.observe, steps),
            "bisect.insort into a list": (by_insort, min(steps, 2000)),
            "numpy.percentile of an array": (by_numpy, max(3, 200_000 // count)),
            "numpy.percentile of a list (pseeth)": (by_list, max(3, 200_000 // count)),
            "torch.quantile": (by_torch, max(3, 200_000 // count)),
        }
        for name, (way, calls) in ways.items():
            chunks = []
            size = max(1, calls // 10)
            for at in range(0, size * 10 if calls >= 10 else calls, size):
                begin = time.thread_time_ns()
                for value in new[at : at + size]:
                    way(value)
                chunks.append((time.thread_time_ns() - begin) / size / 1e3)
            table.setdefault(name, {})[count] = statistics.median(chunks)
        table.setdefault("bytes a step, full history", {})[count] = full.nbytes / len(full)
    return table


def number(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def tables(rounds: int, steps: int) -> str:
    import torch

    torch.set_num_threads(1)
    rows = {}
    for name, make in models().items():
        for fused in (True, False):
            many = rounds * 10 if name == "tiny MLP" else rounds
            rows[f"{name}, {'fused' if fused else 'foreach'}"] = measure_row(make, fused, many)
            print(f"measured {name}, fused={fused}", file=sys.stderr)
    names = list(next(iter(rows.values())))
    order = sorted(
        names, key=lambda n: (not n.startswith("step"), not n.startswith("norm"), "surefoot" not in n, n)
    )
    lines = ["| (clip + AdamW step) / step | " + " | ".join(rows) + " |", "| - |" + " - |" * len(rows)]
    alone = {row: times["step alone"] for row, times in rows.items()}
    for name in order[1:]:
        lines.append(f"| {name} | " + " | ".join(number(t[name] / alone[r]) for r, t in rows.items()) + " |")
    lines.append("| *step alone, us* | " + " | ".join(f"{alone[row]:,.0f}" for row in rows) + " |")
    lines += [
        "",
        "| a percentile a step, us, at a history of | 1k | 10k | 100k | 1M |",
        "| - | - | - | - | - |",
    ]
    for name, columns in measure_percentiles(steps).items():
        lines.append(f"| {name} | " + " | ".join(number(value) for value in columns.values()) + " |")
    about = (
        f"torch {torch.__version__}, one thread, medians of {rounds} rounds ({rounds * 10} for the tiny MLP), "
        "all of a column measured in turn."
    )
    return "\n".join([about, "", *lines])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20_000, help="steps of the percentile's table")
    parser.add_argument("--write", type=Path, help="put the tables between the marks of this page")
    options = parser.parse_args()
    if not in_environment_of_peers():
        python = str(ROOT / ".venv" / "peers" / "bin" / "python")
        os.execv(python, [python, *sys.argv])
    measured = tables(options.rounds, options.steps)
    print(measured)
    if options.write:
        put(measured, options.write, __file__)


if __name__ == "__main__":
    main()
