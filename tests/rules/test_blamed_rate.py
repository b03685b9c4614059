"""What the rate is blamed for, in real trainings: what it did, and not what the model can't do."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from rules.joint.build import observe
from surefoot.rules import diagnose


def _fit(
    model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, optimizer: torch.optim.Optimizer
) -> None:
    loss_of = nn.BCEWithLogitsLoss() if targets.unique().numel() == 2 else nn.MSELoss()
    for _ in range(160):
        at = torch.randint(0, len(inputs), (32,))
        optimizer.zero_grad()
        loss_of(model(inputs[at]), targets[at]).backward()
        optimizer.step()


def _line_through_a_saddle(rate: float) -> None:
    inputs, model = torch.randn(256, 4), nn.Linear(4, 1)
    _fit(model, inputs, 2 * inputs[:, :1] * inputs[:, 1:2], torch.optim.SGD(model.parameters(), rate))


def _line_between_rings(rate: float) -> None:
    inputs, model = torch.randn(256, 2), nn.Linear(2, 1)
    inside = (inputs.norm(dim=1, keepdim=True) < 1.2).float()
    _fit(model, inputs, inside, torch.optim.Adam(model.parameters(), rate))


@pytest.mark.parametrize(
    ("train", "sound", "high"), [(_line_through_a_saddle, 0.03, 1.0), (_line_between_rings, 0.1, 30.0)]
)
def test_a_straight_line_for_what_is_none(train, sound: float, high: float, tmp_path: Path) -> None:
    told = {f.code for f in diagnose(observe(tmp_path / "sound", lambda: train(sound)))}
    assert "lr-too-high" not in told
    (main, *_) = diagnose(observe(tmp_path / "high", lambda: train(high)))
    assert main.code == "lr-too-high"
