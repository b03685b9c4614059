"""Tests of what counts as a model's inputs: data, and of one model the same in training and validation."""

from pathlib import Path

import torch
from torch import nn

from surefoot.capture.observation import Observation, begin_run
from surefoot.facts import BatchInput
from surefoot.records import History


def _observed(folder: Path, first: nn.Module, second: nn.Module, evaluated: nn.Module) -> History:
    """`second` learns from what `first` makes of numbers around zero; `evaluated` is asked about numbers around ten."""
    descent = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.01)
    run = Observation(begin_run(__file__, (), ""), runs=folder, thorough=True)
    run.begin()
    with run:
        for _ in range(30):
            descent.zero_grad()
            second(100 * first(torch.randn(16, 3))).square().mean().backward()
            descent.step()
            with torch.no_grad():
                evaluated(10 + torch.randn(16, 3))
    history = run.history()
    assert history is not None
    return history


def test_what_one_module_hands_to_another_is_no_data(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    history = _observed(tmp_path, first, second, second)
    train = history.fact(BatchInput, "train")
    assert train is not None
    assert train.std is not None
    assert 0.8 < train.std < 1.2
    assert history.fact(BatchInput, "validation") is None


def test_training_and_validation_are_of_one_module(tmp_path: Path) -> None:
    torch.manual_seed(0)
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    validation = _observed(tmp_path, first, second, first).fact(BatchInput, "validation")
    assert validation is not None
    assert 9 < validation.mean < 11
