"""Memory is asked at inspected backwards: what a training keeps from step to step shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from surefoot.capture.observation import Observation, begin_run
from surefoot.facts import Memory

_KEPT = 4 << 20  # bytes that are kept at each step


@pytest.mark.skipif(sys.platform != "linux", reason="the process's memory is read from /proc")
def test_what_is_kept_shows(tmp_path: Path) -> None:
    memory = held(tmp_path, steps=20, kept=_KEPT)
    assert memory.at_steps == tuple(range(20))
    assert (
        memory.held[19] - memory.held[10] >= 5 * _KEPT
    )  # nine times as much, were nothing given back meanwhile
    assert memory.limit is not None
    assert memory.limit > memory.held[19]


@pytest.mark.skipif(sys.platform != "linux", reason="the process's memory is read from /proc")
def test_a_long_training_keeps_every_second_sample(tmp_path: Path) -> None:
    memory = held(tmp_path, steps=600, kept=0)
    assert len(memory.held) == len(memory.at_steps) <= 64
    assert memory.at_steps[0] == 0
    assert memory.at_steps[-1] > 500
    assert list(memory.at_steps) == sorted(set(memory.at_steps))


def held(folder: Path, steps: int, kept: int) -> Memory:
    """What the process held in a checked training that keeps so many bytes at each step."""
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([weight], 0.1)
    pages: list[torch.Tensor] = []
    run = Observation(begin_run(__file__, (), ""), runs=folder, thorough=True)
    run.begin()
    with run:
        for _ in range(steps):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
            pages.append(torch.ones(kept // 4))
    history = run.history()
    assert history is not None
    memory = history.fact(Memory, "process")
    assert memory is not None
    return memory
