"""What observation and clipping cost on an accelerator: wall time of the same training, in turns in one process.

    python benchmarks/device.py [--rounds N] [--write docs/overhead.md]

The device is waited for at the end of each turn alone, so a step that waits for it shows.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from measured import put
from observe import Transformer, observed
from torch import nn

import surefoot as sf

Make = Callable[[], tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]]


def mlp() -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return model, (torch.randn(64, 64), torch.randint(0, 10, (64,)))


def small_transformer() -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    return Transformer(), (torch.randint(0, 64, (16, 32)), torch.randint(0, 10, (16,)))


def large_transformer() -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    class Wide(Transformer):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.embedding = nn.Embedding(64, 768)
            layer = nn.TransformerEncoderLayer(768, 12, 3072, dropout=0.0, batch_first=True)
            self.layers = nn.TransformerEncoder(layer, 12, enable_nested_tensor=False)
            self.head = nn.Linear(768, 10)

    return Wide(), (torch.randint(0, 64, (16, 128)), torch.randint(0, 10, (16,)))


MODELS = {
    "64-128-10 MLP, batch 64": (mlp, 600),
    "4-layer transformer, 3.2M parameters": (small_transformer, 100),
    "12-layer transformer, 85M parameters": (large_transformer, 40),
}


def training(
    make: Callable[[], tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]], clip: str = ""
) -> Callable[[int], float]:
    def train(steps: int) -> float:
        torch.manual_seed(0)
        model, batch = make()
        model, (inputs, labels) = model.cuda(), [t.cuda() for t in batch]
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
        if clip == "autoclip":
            sf.AutoClip().attach(optimizer)

        def step() -> None:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            if clip == "clip_grad_norm_":
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

        for _ in range(5):
            step()
        torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        return time.perf_counter() - began

    return train


def row(name: str, rounds: int) -> str:
    make, steps = MODELS[name]
    forms: dict[str, Callable[[], float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        forms["plain"] = lambda: training(make)(steps)
        forms["observed"] = lambda: observed(training(make), steps, folder, clip=False)
        forms["observed and clipped"] = lambda: observed(training(make), steps, folder, clip=True)
        forms["clip_grad_norm_"] = lambda: training(make, "clip_grad_norm_")(steps)
        forms["AutoClip"] = lambda: training(make, "autoclip")(steps)
        training(make)(steps // 5)
        seconds: dict[str, list[float]] = {form: [] for form in forms}
        for _ in range(rounds):
            for form, run in forms.items():
                seconds[form].append(run())
    medians = {form: statistics.median(times) for form, times in seconds.items()}
    ratios = " | ".join(f"{medians[form] / medians['plain']:.3f}" for form in list(forms)[1:])
    return f"| {name} | {medians['plain'] / steps * 1e3:.2f} | {ratios} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, "benchmarks/device.py needs a CUDA device\n")
    lines = [
        f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__.split('+')[0]}; ratios to the plain step.",
        "",
        "| training | plain, ms a step | observed | observed and clipped | clip_grad_norm_ | AutoClip |",
        "| - | - | - | - | - | - |",
        *(row(name, arguments.rounds) for name in MODELS),
    ]
    print("\n".join(lines))
    if arguments.write:
        put("\n".join(lines), arguments.write, __file__)


if __name__ == "__main__":
    main()
