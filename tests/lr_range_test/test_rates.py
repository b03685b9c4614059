"""Rates driven just before each step and given back after it, unseen by schedules."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from surefoot.capture.step_hooks import StepListener, leave, listen
from surefoot.errors import SettingError
from surefoot.lr_range_test.ranges import check_range, swept_rates
from surefoot.lr_range_test.rates import Plan, RateDriver, reference_rate


def driven(
    optimizer: torch.optim.Optimizer, plan: Plan, steps: int, scheduler: object = None
) -> list[list[float]]:
    """Rates of all groups that each step was taken with."""
    driver, used = RateDriver(plan), list[list[float]]()

    def before(stepping: torch.optim.Optimizer, args: object, kwargs: object) -> None:
        driver.before(stepping)
        used.append([float(group["lr"]) for group in stepping.param_groups])

    listener = StepListener(before, lambda stepping: driver.after(stepping) and None)
    listen(listener)
    try:
        for _ in range(steps):
            optimizer.step()
            if scheduler is not None:
                scheduler.step()  # type: ignore[attr-defined]
    finally:
        leave(listener, stepping_elsewhere=False)
    return used


def two_groups(lr: float = 0.1) -> torch.optim.SGD:
    weights = [nn.Parameter(torch.zeros(1)) for _ in range(2)]
    return torch.optim.SGD([{"params": weights[:1]}, {"params": weights[1:], "lr": lr / 10}], lr=lr)


def test_a_sweep_has_its_ends_and_equal_factors() -> None:
    rates = swept_rates(1e-6, 10.0, 8)
    assert rates == pytest.approx([10.0**k for k in range(-6, 2)], rel=1e-9)
    assert (rates[0], rates[-1]) == (1e-6, 10.0)
    assert swept_rates(1.0, 2.0, 3, "linear") == [1.0, 1.5, 2.0]


def test_groups_keep_their_proportion_and_get_their_own_rates_back() -> None:
    optimizer = two_groups()
    used = driven(optimizer, Plan(after=1, rates=[1.0, 2.0]), 3)
    assert used == [[0.1, 0.01], [1.0, pytest.approx(0.1)], [2.0, pytest.approx(0.2)]]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.01]


def test_a_warm_up_neither_sees_nor_disturbs_a_sweep() -> None:
    def rates_of(plan: Plan) -> tuple[list[list[float]], list[float]]:
        optimizer = two_groups()
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (step + 1) / 10)
        seen: list[float] = []

        class Seen:
            def step(self) -> None:
                scheduler.step()
                seen.extend(scheduler.get_last_lr())

        return driven(optimizer, plan, 4, Seen()), seen

    swept, with_it = rates_of(Plan(rates=[1.0, 2.0, 3.0, 4.0]))
    _, without = rates_of(Plan(after=100))
    assert [step[0] for step in swept] == [1.0, 2.0, 3.0, 4.0]
    assert with_it == without


def test_a_trial_scales_what_the_schedule_says() -> None:
    optimizer = two_groups()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    used = driven(optimizer, Plan(scale_to=0.2), 3, scheduler)
    assert [step[0] for step in used] == pytest.approx([0.2, 0.1, 0.05])


def test_a_rate_that_is_a_tensor_stays_that_tensor() -> None:
    rate = torch.tensor(0.1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    used = driven(optimizer, Plan(rates=[3.0]), 1)
    assert used == [[3.0]]
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate == torch.tensor(0.1)


def test_the_rate_of_one_cycle_is_its_peak() -> None:
    optimizer = two_groups()
    torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.7, total_steps=10)
    assert reference_rate(optimizer.param_groups[0]) == 0.7


def test_lbfgs_is_left_alone() -> None:
    optimizer = torch.optim.LBFGS([nn.Parameter(torch.zeros(1))])
    driver = RateDriver(Plan(rates=[1.0]))
    driver.before(optimizer)
    assert driver.trouble is not None
    assert "LBFGS" in driver.trouble
    assert optimizer.param_groups[0]["lr"] == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((0.0, 1.0, 100, "exponential", 0), "lowest rate"),
        ((1e-3, float("inf"), 100, "exponential", 0), "highest rate"),
        ((1.0, 0.1, 100, "exponential", 0), "goes nowhere"),
        ((1e-3, 1.0, 19, "exponential", 0), "at least 20"),
        ((1e-3, 1.0, 100, "cubic", 0), "'linear'"),
        ((1e-3, 1.0, 100, "linear", -1), "after is -1"),
    ],
)
def test_a_range_that_cannot_be_is_refused(given: tuple[float, float, int, str, int], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        check_range(*given)
