"""What one tool costs on one training: plain and watched in turn in one process, each tool called as its pages say.

    python benchmarks/peer_cost.py TOOL [--rounds N] [--steps N]

The training is the convnet of examples/digits.py at batch 64. Prints JSON: milliseconds of a plain step and the ratio
of the medians of the process's CPU time in the loop, after a first round of each that is not counted.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager, nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from sklearn.datasets import load_digits
from torch import nn


class Watch:
    """What a tool wants called in a loop; by default nothing."""

    def after_backward(self, step: int, loss: torch.Tensor) -> None: ...
    def after_step(self, loss: torch.Tensor) -> None: ...
    def end(self) -> None: ...


class GradSnitch(Watch):
    def __init__(self, model: nn.Module, optimizer: Any) -> None:
        import gradsnitch

        self.monitor = gradsnitch.watch(model, optimizer, check_every=50)

    def after_backward(self, step: int, loss: torch.Tensor) -> None:
        self.monitor.log(step, loss.item())


class TorchMortem(Watch):
    def __init__(self, model: nn.Module, optimizer: Any) -> None:
        from torchmortem import Autopsy

        self.autopsy = Autopsy(model, optimizer=optimizer)
        self.autopsy.attach()

    def after_step(self, loss: torch.Tensor) -> None:
        self.autopsy.step(loss=loss.item())

    def end(self) -> None:
        self.autopsy.detach()


class TorchAudit(Watch):
    every = 1000  # its default

    def __init__(self, model: nn.Module, optimizer: Any) -> None:
        from torch_audit import autopatch

        self.auditor = autopatch(model, optimizer=optimizer, every_n_steps=self.every)

    def end(self) -> None:
        self.auditor.finish()
        self.auditor.unpatch()


class TorchAuditEachStep(TorchAudit):
    every = 1  # as it ran on the faults


@contextmanager
def surefoot_run(thorough: bool = False) -> Any:
    from surefoot.capture.observation import Observation, begin_run

    with tempfile.TemporaryDirectory() as folder:
        watched = Observation(
            begin_run("benchmark.py", (), ""),
            runs=Path(folder),
            thorough=thorough,
            tell=lambda findings: None,
        )
        watched.begin()
        try:
            yield
        finally:
            watched.close()


Make = Callable[[nn.Module, Any], Watch]
PLAIN: Make = lambda model, optimizer: Watch()  # noqa: E731
TOOLS: dict[str, tuple[Callable[[], Any], Make]] = {
    "gradsnitch": (nullcontext, GradSnitch),
    "torchmortem": (nullcontext, TorchMortem),
    "torch-audit": (nullcontext, TorchAudit),
    "torch-audit each step": (nullcontext, TorchAuditEachStep),
    "surefoot": (surefoot_run, PLAIN),
    "surefoot check": (lambda: surefoot_run(thorough=True), PLAIN),
}


def train(steps: int, make: Make) -> float:
    """CPU seconds of the loop and of the watch's end."""
    from digits import ConvNet

    torch.manual_seed(0)
    digits = load_digits()
    inputs = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
    labels = torch.tensor(digits.target)
    model = ConvNet()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    batches = [torch.randperm(len(inputs))[:64] for _ in range(16)]
    data = [(inputs[i], labels[i]) for i in batches]
    watch = make(model, optimizer)
    began = time.process_time()
    for step in range(steps):
        batch, target = data[step % len(data)]
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch), target)
        loss.backward()
        watch.after_backward(step, loss)
        optimizer.step()
        watch.after_step(loss)
    watch.end()
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=TOOLS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
    torch.set_num_threads(1)
    context, make = TOOLS[arguments.tool]
    plain, watched = [], []
    with redirect_stdout(StringIO()):
        for _ in range(arguments.rounds + 1):
            plain.append(train(arguments.steps, PLAIN))
            with context():
                watched.append(train(arguments.steps, make))
    base = statistics.median(plain[1:])
    print(json.dumps({"plain": base / arguments.steps * 1e3, "ratio": statistics.median(watched[1:]) / base}))


if __name__ == "__main__":
    main()
