"""Runs as they are read: of a long one, every sampled step of the parameters counts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot.comparison import engine
from surefoot.store import reader


def record(folder: Path, name: str, steps: int) -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    inputs = torch.randn(16, 3)
    with sf.watch(model, optimizer, runs=folder, name=name, every=1):
        for _ in range(steps):
            optimizer.zero_grad()
            (model(inputs) - inputs.sum(1, keepdim=True)).square().mean().backward()
            optimizer.step()


def test_thinned_layers_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, "long", 300)
    record(tmp_path, "short", 230)
    # Beyond 200 rows a history's layers are thinned to buckets, whose extremes are of no step in particular.
    monkeypatch.setattr(reader, "FULL_LAYER_ENTRIES", 400)
    monkeypatch.setattr(engine, "FULL_LAYER_ENTRIES", 400)
    found = sf.compare("long", "short", runs=tmp_path).pairs[0].parting
    assert found is not None
    assert (found.first, found.rounded, found.last) == (None, None, 230)


def test_what_watch_returned_is_compared(tmp_path: Path) -> None:
    record(tmp_path, "before", 12)
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with sf.watch(model, optimizer, runs=tmp_path, name="after") as run:
        for _ in range(12):
            optimizer.zero_grad()
            model(torch.ones(4, 3)).square().mean().backward()
            optimizer.step()
    held = sf.compare(tmp_path / "before", run, runs=tmp_path)
    assert [side.label for side in held.sides] == ["before", "after"]
    assert ("settings", "lr") in {(d.section, d.name) for d in held.pairs[0].differences}
