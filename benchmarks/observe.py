"""What observation costs: the same training plain and under `surefoot run`'s settings, interleaved in one process.

    python benchmarks/observe.py [--rounds N] [--only NAME] [--counts] [--markdown FILE]

Each round trains every form once, in turn. "whole" is the ratio of medians of the training's own time, from the first
step to the last; "cruising" that of an undisturbed step (the tenth percentile) when the training is known.
What a busy machine cannot blur are the counts: Python calls of surefoot's own in a step, and the bytecode instructions
that its functions execute. Start-up is measured in fresh processes.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn

import surefoot as sf

Step = Callable[[], None]
Around = Callable[[Step], None]
Training = Callable[..., list[float]]
LEARNING = 200  # steps in which most is examined
OWN = str(Path(sf.__file__).parent)


def digits_mlp(steps: int, around: Around | None = None) -> list[float]:
    torch.manual_seed(0)
    digits = load_digits()
    inputs, labels = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    return train(model, inputs, labels, 64, steps, 1e-3, around)


def digits_convnet(steps: int, around: Around | None = None) -> list[float]:
    sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))
    from digits import ConvNet

    torch.manual_seed(0)
    digits = load_digits()
    inputs = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    return train(ConvNet(), inputs, torch.tensor(digits.target), 64, steps, 2e-3, around)


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(64, 256)
        layer = nn.TransformerEncoderLayer(256, 4, 1024, dropout=0.1, batch_first=True)
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(256, 10)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(self.embedding(tokens)).mean(dim=1))


def transformer(steps: int, around: Around | None = None) -> list[float]:
    torch.manual_seed(0)
    tokens = torch.randint(0, 64, (256, 32))
    return train(Transformer(), tokens, tokens.sum(dim=1) % 10, 16, steps, 3e-4, around)


def train(
    model: nn.Module,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    batch_size: int,
    steps: int,
    lr: float,
    around: Around | None,
) -> list[float]:
    """Train for so many steps.

    Returns:
        Seconds of each step, and last of all the process's CPU seconds in the loop, surefoot's own thread included.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    batches = [torch.randperm(len(inputs))[:batch_size] for _ in range(16)]
    data = [(inputs[i], labels[i]) for i in batches]
    batch, target = data[0]

    def step() -> None:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), target)
        loss.backward()
        optimizer.step()

    for _ in range(3):  # allocation and thread start are nobody's cost
        step()
    seconds = []
    began = time.process_time()
    for number in range(steps):
        batch, target = data[number % len(data)]
        start = time.perf_counter()
        if around is None:
            step()
        else:
            around(step)
        seconds.append(time.perf_counter() - start)
    return [*seconds, time.process_time() - began]


TRAININGS: dict[str, tuple[Training, int]] = {
    "(a) 64-128-10 MLP, digits, batch 64": (digits_mlp, 3000),
    "(b) convnet of examples/digits.py": (digits_convnet, 345),
    "(c) 4-layer transformer, 3.2M parameters": (transformer, 60),
}


def observed(
    training: Training, steps: int, folder: str, clip: bool, around: Around | None = None
) -> list[float]:
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
        return training(steps, around)
    finally:
        observation.close()


def cruising(runs: list[list[float]]) -> float:
    """Seconds of an undisturbed step once the training is known: the tenth percentile, the least of all runs."""
    known = [sorted(run[LEARNING:-1] or run[len(run) // 2 : -1]) for run in runs]
    return min(run[len(run) // 10] for run in known)


def measure(rounds: int) -> list[str]:
    """One row of the table for each training."""
    rows = []
    for name, (training, steps) in TRAININGS.items():
        forms: dict[str, list[list[float]]] = {"plain": [], "observed": [], "clipped": []}
        training(steps // 5)
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(rounds):
                forms["plain"].append(training(steps))
                forms["observed"].append(observed(training, steps, folder, clip=False))
                forms["clipped"].append(observed(training, steps, folder, clip=True))
        whole = {form: statistics.median(run[-1] for run in runs) for form, runs in forms.items()}
        usual = {form: cruising(runs) for form, runs in forms.items()}
        cells = [f"{whole['plain'] / steps * 1e3:.2f}"]
        for form in ("observed", "clipped"):
            cells += [f"{usual[form] / usual['plain']:.3f}", f"{whole[form] / whole['plain']:.3f}"]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows


def calls_in(step: Step) -> int:
    """Python calls of surefoot's own while a step runs."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_filename.startswith(OWN)

    sys.setprofile(profile)
    try:
        step()
    finally:
        sys.setprofile(None)
    return count


def instructions_in(step: Step) -> int:
    """Bytecode instructions that surefoot's own functions execute while a step runs."""
    count = 0

    def follow(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "opcode"
        return follow

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(OWN):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        return follow

    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(None)
    return count


def counts(steps: int = 1000) -> list[str]:
    """Rows of the table of counts, of the first training."""
    rows = []
    for clip in (False, True):
        for what, count in (("calls", calls_in), ("instructions", instructions_in)):
            found: list[int] = []
            with tempfile.TemporaryDirectory() as folder:
                observed(digits_mlp, steps, folder, clip, partial(_append, found, count))
            known = sorted(found[LEARNING:])
            ordinary = statistics.mode(known)
            name = f"{what}, with AutoClip" if clip else what
            rows.append(
                f"| {name} | {ordinary} | {known.count(ordinary) / len(known):.0%} | "
                f"{statistics.mean(known):.0f} | {statistics.mean(found[:LEARNING]):.0f} |"
            )
    return rows


def _append(found: list[int], count: Callable[[Step], int], step: Step) -> None:
    found.append(count(step))


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
    parser.add_argument("--counts", action="store_true", help="count alone, measure no time")
    parser.add_argument("--markdown", type=Path)
    arguments = parser.parse_args()
    for name in list(TRAININGS):
        if arguments.only not in name:
            del TRAININGS[name]
    torch.set_num_threads(1)
    lines = [
        "| of (a), in a step | ordinary | share of such | mean, training known | mean, first 200 |",
        "| - | - | - | - | - |",
        *counts(),
    ]
    if not arguments.counts:
        lines += [
            "",
            "| training | plain, ms a step | cruising, observed / plain | whole | cruising with AutoClip | whole |",
            "| - | - | - | - | - | - |",
            *measure(arguments.rounds),
            f"\nStart-up beyond torch's own: {start_up(3):.2f} s.",
        ]
    text = "\n".join(lines)
    print(text)
    if arguments.markdown:
        arguments.markdown.write_text(f"# What observation costs\n\n{text}\n")


if __name__ == "__main__":
    main()
