"""A training under `fully_shard`: losses and names are recorded, a shard's numbers left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

import surefoot as sf
from surefoot import rules
from surefoot.facts import Defect, Unmeasured
from surefoot.records import History


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path) -> Iterator[None]:
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def shard() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 3))
    mesh = init_device_mesh("cpu", (1,))
    for layer in (model[0], model[2], model):
        fully_shard(layer, mesh=mesh)
    return model


def train(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(torch.randn(8, 10)), torch.randint(0, 3, (8,)))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1e6)
        optimizer.step()
        losses.append(loss.item())
    return losses


def recorded(run: sf.Observation) -> History:
    assert not run.recorder.failed
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history


@pytest.mark.parametrize("given", [False, True], ids=["found", "given"])
def test_losses_and_names(given: bool, tmp_path: Path) -> None:
    model = shard()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with sf.watch(*((model, optimizer) if given else ()), runs=tmp_path) as run:
        losses = train(model, optimizer)
    history = recorded(run)
    assert history.series("loss", 0).values == pytest.approx(losses)
    assert {p.name for p in history.parameters} == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert all(p.reached and p.received and p.optimizer == 0 for p in history.parameters)
    assert rules.diagnose(history) == ()


def test_numbers_of_shards_are_left_out(tmp_path: Path) -> None:
    model = shard()
    with sf.watch(runs=tmp_path, every=1) as run:
        train(model, torch.optim.SGD(model.parameters(), 0.1))
    history = recorded(run)
    assert not len(history.series("grad_norm", 0))
    assert {fact.quantities for fact in history.facts(Unmeasured)} == {
        ("the gradient's norm",),
        ("norms of each parameter", "gradient noise"),
    }
