"""Between flushes an observed, clipped step copies nothing to the host."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import surefoot as sf
from surefoot.capture import monitor, recorder

COPIES = {"aten::_local_scalar_dense", "aten::item", "aten::is_nonzero", "aten::equal", "aten::nonzero"}


class Count(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls[function._schema.name] += 1
        return function(*args, **(kwargs or {}))

    @property
    def copies(self) -> dict[str, int]:
        return {name: count for name, count in self.calls.items() if name in COPIES}


@pytest.fixture
def no_flush(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 1e9)
    monkeypatch.setattr(recorder, "FLUSH_ROWS", 10**9)
    monkeypatch.setattr(monitor, "_STALE", 1e9)
    monkeypatch.setattr(monitor, "_HEARTBEAT", 1e9)


@pytest.mark.usefixtures("no_flush")
@pytest.mark.parametrize("every", [1, 7])
@pytest.mark.parametrize("clipped", [False, True])
def test_no_copy_between_flushes(every: int, clipped: bool, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    batches = [(torch.randn(16, 8), torch.randint(0, 3, (16,))) for _ in range(5)]
    with sf.watch(model, optimizer, every=every, runs=tmp_path) as run:
        clippers = [sf.AutoClip().attach(optimizer)] if clipped else []
        with Count() as count:
            for step in range(60):
                inputs, targets = batches[step % 5]
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
                schedule.step()
                if step % 10 == 9:
                    with torch.no_grad():
                        model.eval()
                        accuracy = (model(inputs).argmax(1) == targets).float().mean()
                        F.cross_entropy(model(inputs * 0.9), targets.clone())
                        model.train()
                    run.log(accuracy=accuracy)
        assert run.steps == 60
        assert count.calls["aten::addmm"] > 100
        assert count.copies == {}
        run.recorder.flush(facts=True)
    history = run.history()
    assert history is not None
    assert len(history.series("loss").finite) == 60
    assert len(history.series("clip_factor").finite) == 60 * clipped
    assert len(history.metric("accuracy")) == len(history.metric("val_loss")) == 6
    assert len(history.parameter_layer("update_norm")) == (60 if every == 1 else 60 // 7 + 2)
    del clippers


def test_the_count_sees_a_copy() -> None:
    with Count() as count:
        torch.ones(2).sum().item()
    assert count.copies == {"aten::_local_scalar_dense": 1}
