"""A seeded training under each library records of its parameters what the plain loop does, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, SequentialSampler, TensorDataset

import surefoot as sf
from surefoot.records import PARAMETER_QUANTITIES

LR = 0.1
QUIET = {
    "logger": False, "enable_checkpointing": False, "accelerator": "cpu", "enable_progress_bar": False,
    "enable_model_summary": False, "max_epochs": 1,
}  # fmt: skip


def make() -> tuple[nn.Sequential, TensorDataset]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    inputs = torch.randn(16 * 12, 8)
    return model, TensorDataset(inputs, inputs[:, :3].argmax(1))


def plain(folder: Path) -> None:
    model, data = make()
    optimizer = torch.optim.SGD(model.parameters(), LR)
    for x, y in DataLoader(data, 16):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def _lightning(manual: bool, **more: Any) -> None:
    lightning = pytest.importorskip("lightning")
    model, data = make()

    class Module(lightning.LightningModule):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.net = model
            self.automatic_optimization = not manual

        def training_step(self, batch: Any, index: int) -> Any:
            loss = F.cross_entropy(self.net(batch[0]), batch[1])
            if manual:
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), LR)

    lightning.Trainer(**QUIET, **more).fit(Module(), DataLoader(data, 16))


def lightning_automatic(folder: Path) -> None:
    _lightning(manual=False)


def lightning_manual(folder: Path) -> None:
    _lightning(manual=True)


def lightning_that_clips(folder: Path) -> None:
    _lightning(manual=False, gradient_clip_val=1e9)


def fabric(folder: Path) -> None:
    lightning = pytest.importorskip("lightning")
    raw, data = make()
    here = lightning.Fabric(accelerator="cpu", devices=1)
    model, optimizer = here.setup(raw, torch.optim.SGD(raw.parameters(), LR))
    for x, y in here.setup_dataloaders(DataLoader(data, 16)):
        optimizer.zero_grad()
        here.backward(F.cross_entropy(model(x), y))
        optimizer.step()


def accelerate(folder: Path) -> None:
    accelerator = pytest.importorskip("accelerate").Accelerator(cpu=True)
    raw, data = make()
    optimizer = torch.optim.SGD(raw.parameters(), LR)
    model, optimizer, loader = accelerator.prepare(raw, optimizer, DataLoader(data, 16))
    for x, y in loader:
        optimizer.zero_grad()
        accelerator.backward(F.cross_entropy(model(x), y))
        accelerator.clip_grad_norm_(model.parameters(), 1e9)
        optimizer.step()


class Wrapped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Any = None, labels: Any = None) -> Any:
        scores = self.net(x)
        return {"loss": F.cross_entropy(scores, labels), "logits": scores}


def transformers_trainer(folder: Path) -> None:
    transformers = pytest.importorskip("transformers")
    model, data = make()
    rows = [{"x": x, "labels": y} for x, y in data]

    class InOrder(transformers.Trainer):  # type: ignore[misc, name-defined]
        def _get_train_sampler(self, *given: Any) -> Any:
            return SequentialSampler(rows)

    arguments = transformers.TrainingArguments(
        str(folder), per_device_train_batch_size=16, num_train_epochs=1, report_to=[], use_cpu=True,
        max_grad_norm=1e9, lr_scheduler_type="constant", disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    wrapped = Wrapped(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), LR)
    InOrder(wrapped, arguments, train_dataset=rows, optimizers=(optimizer, None)).train()


def recorded(train: Callable[[Path], None], folder: Path) -> dict[tuple[str, str], list[float]]:
    with sf.watch(runs=folder / "runs", every=2) as run:
        train(folder)
    history = run.history()
    assert history is not None
    assert run.steps == 12
    found = {}
    for quantity in PARAMETER_QUANTITIES:
        values = history.parameter_layer(quantity).values
        for info in history.parameters:
            if info.optimizer is not None:
                column = values[:, info.index]
                name = ".".join(info.name.split(".")[-2:])
                found[quantity, name.removeprefix("_forward_module.")] = column[~np.isnan(column)].tolist()
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "train",
    [lightning_automatic, lightning_manual, lightning_that_clips, fabric, accelerate, transformers_trainer],
)
def test_the_same_quantities(train: Callable[[Path], None], tmp_path: Path) -> None:
    expected = recorded(plain, tmp_path / "plain")
    assert len(expected["grad_norm", "0.weight"]) == 7
    assert recorded(train, tmp_path / "library") == expected
