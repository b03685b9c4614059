"""Memory is asked at each flush: what a training keeps from step to step shows."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import surefoot as sf
from surefoot.facts import Memory

_KEPT = 4 << 20  # bytes that are kept at each step


@pytest.mark.skipif(sys.platform != "linux", reason="the process's memory is read from /proc")
def test_what_is_kept_shows(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([weight], 0.1)
    kept: list[torch.Tensor] = []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(20):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
            kept.append(torch.ones(_KEPT // 4))
            run.recorder.flush(facts=True)
    history = run.history()
    assert history is not None
    memory = history.fact(Memory, "process")
    assert memory is not None
    assert memory.samples == 20
    assert (memory.first_step, memory.middle_step, memory.last_step) == (1, 11, 20)
    assert memory.last - memory.middle >= 5 * _KEPT  # nine times as much, were nothing given back meanwhile
    assert memory.most >= memory.last > memory.first
