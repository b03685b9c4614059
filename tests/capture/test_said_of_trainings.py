"""Trainings that are well, and of which something false could be said: from the script to the rules' silence."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.facts import BatchInput, Clearing, ClipCall, Defect, LinearPair
from surefoot.records import History
from surefoot.rules import diagnose

INPUTS = torch.randn(256, 5, generator=torch.Generator().manual_seed(0))
TARGETS = INPUTS @ torch.tensor([[2.0], [-1.0], [0.5], [3.0], [-2.0]]) + 0.7
CLASSES = (TARGETS[:, 0] > 0).long()


def recorded(folder: Path, train: Callable[[], None]) -> tuple[History, set[str]]:
    torch.manual_seed(0)
    with sf.watch(runs=folder) as run:
        train()
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history, {finding.code for finding in diagnose(history)}


def by_hand(hidden: int, clip: float | None = None) -> None:
    """One training of its own: parameters, loop, an update by hand."""
    first = (torch.randn(5, hidden) * 0.3).requires_grad_()
    second = (torch.randn(hidden, 2) * 0.3).requires_grad_()
    for _ in range(60):
        chosen = torch.randint(0, 256, (32,))
        loss = F.cross_entropy(torch.tanh(INPUTS[chosen] @ first) @ second, CLASSES[chosen])
        for p in (first, second):
            p.grad = None
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_([first, second], clip)
        for p in (first, second):
            assert p.grad is not None
            p.data -= 0.1 * p.grad


@pytest.mark.parametrize("second", [8, 16])
def test_two_loops_by_hand_clear_what_is_theirs(second: int, tmp_path: Path) -> None:
    def train() -> None:
        by_hand(8)
        by_hand(second)

    history, codes = recorded(tmp_path, train)
    clearing = history.fact(Clearing)
    assert clearing is not None
    assert clearing.uncleared == 0
    assert clearing.cleared > 100
    assert "missing-zero-grad" not in codes


def test_clipping_for_an_update_by_hand_covers_its_gradients(tmp_path: Path) -> None:
    history, codes = recorded(tmp_path, lambda: by_hand(8, clip=0.25))
    call = history.fact(ClipCall)
    assert call is not None
    assert call.covered == 1.0
    assert "clip-ineffective" not in codes


def test_clipping_of_something_else_is_still_told(tmp_path: Path) -> None:
    other = nn.Linear(2, 2)
    other(torch.randn(3, 2)).sum().backward()

    def train() -> None:
        weight = torch.zeros(5, 1, requires_grad=True)
        for _ in range(40):
            F.mse_loss(INPUTS @ weight, TARGETS).backward()
            nn.utils.clip_grad_norm_(other.parameters(), 1.0)
            with torch.no_grad():
                assert weight.grad is not None
                weight -= 0.05 * weight.grad
            weight.grad = None

    _, codes = recorded(tmp_path, train)
    assert "clip-ineffective" in codes


@pytest.mark.parametrize("size", [1, 32])
def test_one_example_has_no_deviation(size: int, tmp_path: Path) -> None:
    model = nn.Linear(5, 2)

    def train() -> None:
        optimizer = torch.optim.SGD(model.parameters(), 1e-5)
        for _ in range(120):
            chosen = torch.randint(0, 256, (size,))
            optimizer.zero_grad()
            F.cross_entropy(model(INPUTS[chosen]), CLASSES[chosen]).backward()
            optimizer.step()

    history, codes = recorded(tmp_path, train)
    spread = history.metric("output/batch_std").finite.values
    assert (len(spread) > 0) == (size > 1)
    assert size == 1 or spread.min() > 0.1
    assert "constant-output" not in codes


def test_a_summed_sequence_is_not_held_against_one_guess(tmp_path: Path) -> None:
    model = nn.Linear(5, 2)

    def train() -> None:
        optimizer = torch.optim.Adam(model.parameters(), 0.02)
        for _ in range(120):
            loss = torch.zeros(())
            optimizer.zero_grad()
            for i in torch.randint(0, 256, (40,)).tolist():
                loss = loss + F.cross_entropy(model(INPUTS[i : i + 1]), CLASSES[i : i + 1])
            loss.backward()
            optimizer.step()

    history, codes = recorded(tmp_path, train)
    losses = history.series("loss").values
    assert losses[-1] < 0.5 * losses[0]
    assert not codes & {"constant-output", "plateau", "saturated-units", "lr-too-high", "lr-too-low"}


def test_a_start_of_easy_examples_is_no_start(tmp_path: Path) -> None:
    model = nn.Linear(5, 1)
    easy = TARGETS.abs().argsort(0)[:3, 0].tolist()  # near zero, as the fresh model's outputs are

    def train() -> None:
        nn.init.zeros_(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), 0.005)
        for step in range(300):
            i = easy[step] if step < 3 else int(torch.randint(0, 256, ()))
            optimizer.zero_grad()
            F.mse_loss(model(INPUTS[i : i + 1]), TARGETS[i : i + 1]).backward()
            optimizer.step()

    _, codes = recorded(tmp_path, train)
    with torch.no_grad():
        assert F.mse_loss(model(INPUTS), TARGETS) < 0.1 * TARGETS.square().mean()
    assert "lr-too-high" not in codes


def test_a_network_that_nobody_trains_validates_nothing(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1))
    target = copy.deepcopy(model)

    def train() -> None:
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(80):
            x = 0.3 * torch.randn(32, 5)
            with torch.no_grad():
                goal = target(3 * x)
            optimizer.zero_grad()
            F.mse_loss(model(x), goal).backward()
            optimizer.step()

    history, codes = recorded(tmp_path, train)
    assert history.fact(BatchInput, "validation") is None
    assert "preprocessing-mismatch" not in codes


class Branching(nn.Module):
    """A layer that three others read, each the end of a row of two; one row of three."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(5, 8)
        self.heads = nn.ModuleList(nn.Linear(8, 8) for _ in range(3))
        self.last = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        one, two, three = (head(h) for head in self.heads)
        return one.tanh() + two.tanh() + self.last(three).tanh()


def test_layers_in_a_row_are_counted_and_not_all_that_hang_together(tmp_path: Path) -> None:
    model = Branching()

    def train() -> None:
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(INPUTS), CLASSES).backward()
            optimizer.step()

    history, _ = recorded(tmp_path, train)
    rows = {pair.subject: pair.layers for pair in history.facts(LinearPair)}
    assert rows == {
        "first.weight -> heads.0.weight": 2,
        "first.weight -> heads.1.weight": 2,
        "first.weight -> heads.2.weight": 3,
        "heads.2.weight -> last.weight": 3,
    }
