"""What observation costs: the same training plain and under `surefoot run`'s settings, interleaved in one process.

    python benchmarks/observe.py [--rounds N] [--markdown FILE]

Each round trains every form once, in turn; the figure is the ratio of medians of the training's own time.
Start-up is measured in fresh processes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

import surefoot as sf

Training = Callable[[int], float]


def digits_mlp(steps: int) -> float:
    torch.manual_seed(0)
    digits = load_digits()
    inputs, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return train(model, inputs, labels, 64, steps, lr=1e-3)


def digits_convnet(steps: int) -> float:
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from digits import ConvNet

    torch.manual_seed(0)
    digits = load_digits()
    inputs = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    return train(ConvNet(), inputs, torch.tensor(digits.target), 64, steps, lr=2e-3)


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 256)
        layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(256, 10)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embedding(tokens)).mean(dim=1))


def transformer(steps: int) -> float:
    torch.manual_seed(0)
    tokens = torch.randint(0, 64, (256, 32))
    return train(Transformer(), tokens, tokens.sum(dim=1) % 10, 16, steps, lr=3e-4)


def train(
    model: nn.Module, inputs: torch.Tensor, labels: torch.Tensor, batch_size: int, steps: int, lr: float
) -> float:
    """Train for so many steps; returns the process's CPU seconds in the loop alone, surefoot's own thread included."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    batches = [torch.randperm(len(inputs))[:batch_size] for _ in range(16)]
    data = [(inputs[i], labels[i]) for i in batches]
    for batch, target in data[:3]:  # allocation and thread start are nobody's cost
        nn.functional.cross_entropy(model(batch), target).backward()
        optimizer.step()
    began = time.process_time()
    for step in range(steps):
        batch, target = data[step % len(data)]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), target)
        loss.backward()
        optimizer.step()
    return time.process_time() - began


TRAININGS: dict[str, tuple[Training, int]] = {
    "(a) 64-128-10 MLP, digits, batch 64": (digits_mlp, 3000),
    "(b) convnet of examples/digits.py": (digits_convnet, 345),
    "(c) 4-layer transformer, 3.2M parameters": (transformer, 60),
}


def observed(training: Training, steps: int, folder: str, clip: bool) -> float:
    from surefoot.capture.observation import Observation, begin_run

    run = begin_run("benchmark.py", (), "")
    observation = Observation(
        run,
        runs=Path(folder),
        make_clipper=sf.AutoClip if clip else None,
        tell=lambda findings: None,  # live diagnosis as in `surefoot run`
    )
    observation.begin()
    try:
        return training(steps)
    finally:
        observation.close()


def measure(rounds: int) -> list[tuple[str, float, float, float]]:
    rows = []
    for name, (training, steps) in TRAININGS.items():
        plain, watched, clipped = [], [], []
        training(steps // 5)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(rounds):
                plain.append(training(steps))
                watched.append(observed(training, steps, folder, clip=False))
                clipped.append(observed(training, steps, folder, clip=True))
        base = statistics.median(plain)
        rows.append(
            (name, base / steps * 1e3, statistics.median(watched) / base, statistics.median(clipped) / base)
        )
    return rows


def start_up(rounds: int) -> float:
    """Seconds that surefoot's own imports take beyond torch's."""
    timed = "import time, torch, numpy; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"
    seconds = []
    for _ in range(rounds):
        command = [sys.executable, "-c", timed.format("surefoot.capture.observation, surefoot.cli.main")]
        seconds.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    for name in list(TRAININGS):
        if arguments.only not in name:
            del TRAININGS[name]
    torch.set_num_threads(1)
    lines = [
        "| training | plain, ms a step | observed / plain | observed and clipped / plain |",
        "| - | - | - | - |",
    ]
    for name, milliseconds, watched, clipped in measure(arguments.rounds):
        lines.append(f"| {name} | {milliseconds:.2f} | {watched:.3f} | {clipped:.3f} |")
    lines.append(f"\nStart-up beyond torch's own: {start_up(3):.2f} s.")
    text = "\n".join(lines)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(f"# What observation costs\n\n{text}\n")


if __name__ == "__main__":
    main()
