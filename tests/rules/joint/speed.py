"""What a training costs beside the computing: memory that is kept, data that is waited for, code compiled anew."""

from __future__ import annotations

import gc
import mmap
import sys
from unittest import mock

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from rules.joint.build import INPUTS, LABELS, Joint, Train, classify, labelled, network
from surefoot.capture import attach
from surefoot.capture.probes import data_wait

_KEPT = 6 << 20  # bytes that a step keeps: 85 MiB in the last three quarters
_WORK = 0.05  # seconds that a step takes


def holding(all_of_them: bool) -> Train:
    """Pages of its own for each step, kept or given back at once; what malloc has free is no help to them."""

    def run() -> None:
        if sys.platform != "linux":
            pytest.skip("the process's memory is read from /proc")
        gc.collect()
        kept: list[mmap.mmap] = []
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for _ in range(2):
            for x, y in DataLoader(TensorDataset(INPUTS, LABELS), 20, shuffle=True):
                pages = mmap.mmap(-1, _KEPT, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
                pages.write(b"1" * _KEPT)
                kept = [*kept, pages] if all_of_them else [pages]
                optimizer.zero_grad()
                classify(model, x, y).backward()
                optimizer.step()

    return run


class Clock:
    """A time that passes where the training says so, on a busy machine as on an idle one."""

    def __init__(self) -> None:
        self.now = 1.0

    def __call__(self) -> float:
        return self.now


class Timed(Dataset[tuple[Tensor, Tensor]]):
    """Examples that take their time to be read."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds

    def __len__(self) -> int:
        return len(INPUTS)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        self.clock.now += self.seconds
        return INPUTS[index], LABELS[index]


def loaded(seconds: float) -> Train:
    """Batches of ten from a loader without workers; each example takes so long to be read."""

    def run() -> None:
        clock = Clock()
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with (
            mock.patch.object(attach, "perf_counter", clock),
            mock.patch.object(data_wait, "perf_counter", clock),
        ):
            for x, y in DataLoader(Timed(clock, seconds), 10, shuffle=True):
                optimizer.zero_grad()
                classify(model, x, y).backward()
                optimizer.step()
                clock.now += _WORK

    return run


def compiled(dynamic: bool | None) -> Train:
    """A compiled loop whose batches differ in size, as often as it may be compiled anew."""

    def run() -> None:
        model = network()
        loss = torch.compile(classify, backend="eager", dynamic=dynamic)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for step in range(12):
            x, y = labelled(step)
            optimizer.zero_grad()
            loss(model, x[step:], y[step:]).backward()
            optimizer.step()

    return run


JOINTS = (
    Joint("memory-growing", "pages of each step", holding(True), holding(False)),
    Joint("input-bound", "examples read slowly", loaded(0.02), loaded(0.002)),
    Joint("recompilation", "batches that differ in size", compiled(False), compiled(None)),
)
