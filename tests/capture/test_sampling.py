"""Tests of which steps are looked at: in a check the step alone decides, and nothing looked at is lost."""

from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn

from surefoot.capture import recorder
from surefoot.capture.observation import Observation, begin_run
from surefoot.capture.sampling import Sampler, Schedule


def _looked_at(sampler: Sampler, cost: float, steps: int) -> list[int]:
    found = []
    for step in range(1, steps + 1):
        if sampler.due(step):
            found.append(step)
            sampler.measured(step, cost, 1e-3)
    return found


def test_cost_does_not_move_what_the_step_decides() -> None:
    cheap = _looked_at(Sampler(None, eager=2, early=5), 1e-6, 3000)
    assert cheap == _looked_at(Sampler(None, eager=2, early=5), 10.0, 3000)
    assert cheap[:5] == [1, 2, 7, 12, 17]
    assert cheap[-1] - cheap[-2] == 55


def test_both_of_two_who_take_turns_are_looked_at() -> None:
    schedule = Schedule(None, thorough=True)
    looked = _looked_at(schedule.inspection, 1e-3, 5000)
    late = [step for step in looked if step > 20]
    assert {step % 2 for step in late[-10:]} == {0, 1}


def test_a_budget_decides_where_time_counts() -> None:
    dear = _looked_at(Sampler(0.01, eager=2, early=10), 1e-1, 3000)
    assert len(dear) < len(_looked_at(Sampler(0.01, eager=2, early=10), 1e-6, 3000))


@pytest.mark.parametrize("seconds", [0.0, 1000.0])
def test_what_was_looked_at_is_kept_however_often_rows_are_written(seconds: float, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))
    descent = torch.optim.SGD(net.parameters(), lr=0.01)
    run = Observation(begin_run(__file__, (), ""), runs=tmp_path, thorough=True)
    run.begin()
    with mock.patch.multiple(recorder, FLUSH_SECONDS=seconds), run:
        for _ in range(30):
            descent.zero_grad()
            nn.functional.mse_loss(net(torch.randn(4, 3)), torch.randn(4, 1)).backward()
            descent.step()
    history = run.history()
    assert history is not None
    assert history.activation_layer("dead_share").steps.tolist() == [*range(1, 21), 27]
    assert len(history.metric("output/batch_std")) == 21
