"""The largest stable rate: on a quadratic of known curvature it holds just below and not just above."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from surefoot.landscape.objective import Objective
from surefoot.lr_range_test.curvature import (
    TopEigenvalue,
    curvature_suggestion,
    stable_factor,
    top_eigenvalue,
)

CURVATURE = 3.0


def end_of(make: Callable[..., torch.optim.Optimizer], lr: float, steps: int = 2000) -> float:
    """How far from its minimum a quadratic is left."""
    x = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = make([x], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * CURVATURE * x**2).sum().backward()
        optimizer.step()
        if abs(float(x.detach())) > 1e6:
            break
    return abs(float(x.detach()))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0.9},
        {"momentum": 0.5, "dampening": 0.5},
        {"momentum": 0.9, "nesterov": True},
    ],
    ids=str,
)
def test_descent_is_stable_below_it_and_not_above(options: dict[str, float]) -> None:
    def make(parameters: list[nn.Parameter], lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr, **options)  # type: ignore[arg-type]

    factor, preconditioned = stable_factor("SGD", options) or (0.0, True)
    assert not preconditioned
    assert end_of(make, 0.99 * factor / CURVATURE) < 1e-3
    assert end_of(make, 1.01 * factor / CURVATURE) > 1e3


def test_adam_is_stable_up_to_thirty_eight_over_its_preconditioned_curvature() -> None:
    def bounded(lr: float) -> float:
        """Adam with its second moment held, as it is near equilibrium: an averaged gradient over a constant."""
        x = average = torch.ones((), dtype=torch.float64)
        for _ in range(2000):
            average = 0.9 * average + 0.1 * CURVATURE * x
            x = x - lr * average
        return abs(float(x))

    assert stable_factor("AdamW", {"betas": (0.9, 0.999)}) == (38.0, True)
    assert bounded(0.99 * 38 / CURVATURE) < 1e-3
    assert bounded(1.01 * 38 / CURVATURE) > 1e3


def linear_objective(widths: list[float]) -> Objective:
    """Its Hessian is diagonal: the squares of these widths over their number."""
    model = nn.Linear(len(widths), 1, bias=False, dtype=torch.float64)
    x = torch.diag(torch.tensor(widths, dtype=torch.float64))
    return Objective(
        model, lambda output, target: 0.5 * (output - target).square().mean(), (x, torch.ones(len(widths), 1))
    )


def test_the_rate_is_exact_where_the_curvature_is_known() -> None:
    widths = [1.0, 2.0, 6.0]
    top = top_eigenvalue(linear_objective(widths))
    assert top.value == pytest.approx(12.0, rel=1e-6)  # 36 / 3
    found = curvature_suggestion("SGD", {"momentum": 0.0}, top)
    assert found.rate == pytest.approx(2 / 12.0, rel=1e-6)
    assert curvature_suggestion("SGD", {"momentum": 0.9}, top).rate == pytest.approx(3.8 / 12.0, rel=1e-6)
    decayed = curvature_suggestion("SGD", {"weight_decay": 4.0}, top)
    assert decayed.rate == pytest.approx(2 / 16.0, rel=1e-6)


def test_a_preconditioner_takes_the_scale_out() -> None:
    plain = top_eigenvalue(linear_objective([1.0, 10.0])).value
    scaled = top_eigenvalue(linear_objective([1.0, 10.0]), eps=1e-12).value
    assert plain == pytest.approx(50.0, rel=1e-6)
    assert scaled < plain


def test_what_bounds_no_rate_says_so() -> None:
    flat = curvature_suggestion("SGD", {}, TopEigenvalue(0.0, 0.0))
    assert flat.rate is None
    assert "bounds" in flat.said
    unknown = curvature_suggestion("Lion", {}, TopEigenvalue(1.0, 0.0))
    assert unknown.rate is None
    assert "Lion" in unknown.said
