from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import SettingError
from surefoot.landscape import Objective, hessian_product, sharpness

from .closed_form import Point, quadratic_objective, snapshot


def spectrum(*values: float, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    n = len(values)
    basis, _ = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64))
    return basis @ torch.diag(torch.tensor(values, dtype=torch.float64)) @ basis.T


def test_the_hessian_of_a_quadratic_is_its_matrix():
    matrix = spectrum(5.0, 1.0, -2.0)
    objective = quadratic_objective(matrix, torch.ones(3))
    vector = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    torch.testing.assert_close(hessian_product(objective, objective.center, vector), matrix @ vector)


def test_the_ends_and_the_trace_of_a_known_spectrum():
    values = [9.0, 4.0, *np.linspace(0.1, 1, 20).tolist(), -3.0]
    found = sharpness(quadratic_objective(spectrum(*values), torch.zeros(len(values))), probes=100)
    assert found.top == pytest.approx(9, abs=1e-3)
    assert found.bottom == pytest.approx(-3, abs=1e-2)
    assert found.trace == pytest.approx(sum(values), rel=1e-6)  # fewer parameters than probes: exact
    assert found.trace_error == 0
    assert found.residual < 0.01
    few = sharpness(quadratic_objective(spectrum(*values), torch.zeros(len(values))), probes=10)
    assert abs(few.trace - sum(values)) < 5 * few.trace_error
    assert few.products < found.products


def test_it_equals_the_dense_hessian_of_a_network_over_several_batches():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs, target = torch.randn(20, 3).double(), torch.randint(0, 2, (20,))
    loss = nn.functional.cross_entropy
    objective = Objective(model, loss, [(inputs[:15], target[:15]), (inputs[15:], target[15:])])

    def whole(vector: torch.Tensor) -> torch.Tensor:
        return loss(torch.func.functional_call(model, objective.unflat(vector), (inputs,)), target)

    dense = torch.autograd.functional.hessian(whole, objective.center)
    values = torch.linalg.eigvalsh(dense)
    before = snapshot(model)
    found = sharpness(objective, products=60, probes=50)
    assert snapshot(model) == before
    assert found.top == pytest.approx(float(values[-1]), rel=1e-4)
    assert found.bottom == pytest.approx(float(values[0]), rel=1e-2, abs=1e-6)
    assert found.trace == pytest.approx(float(values.sum()), rel=1e-6)


SPECTRA = {
    "an outlier hides a saddle": [100.0, *np.linspace(1, 2, 300).tolist(), -0.5],
    "power law, five alike below zero": [*(1 / k for k in range(1, 400)), *[-0.02] * 5],
    "all alike": [3.0] * 12,
    "mostly zero": [2.0, 1.0, *[0.0] * 60, -1e-3],
    "negative": [-1.0, -2.0, -2.0, -5.0],
    "symmetric": [*np.linspace(-4, 4, 81).tolist()],
    "one": [-7.0],
}


@pytest.mark.parametrize("name", SPECTRA)
def test_both_ends_are_the_spectrum_s(name):
    values = SPECTRA[name]
    diagonal = torch.tensor(values, dtype=torch.float64)
    objective = Objective(
        Point(*[0.0] * len(values)), compute=lambda m, _: 0.5 * (diagonal * m.at.double() ** 2).sum()
    )
    found = sharpness(objective, products=60, probes=1)
    assert found.top == pytest.approx(max(values), rel=1e-4)
    assert found.bottom == pytest.approx(min(values), rel=1e-4, abs=1e-6)
    scale = max(map(abs, values))
    assert found.residual < 0.02 * scale
    assert found.bottom_residual < 0.02 * scale


@pytest.mark.parametrize("steps", [0, 30])
def test_both_ends_are_those_of_the_dense_hessian(steps):
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(8, 10), nn.Tanh(), nn.Linear(10, 4)).double()
    inputs, target = torch.randn(60, 8).double(), torch.randint(0, 4, (60,))
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    loss = nn.functional.cross_entropy
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(inputs), target).backward()
        optimizer.step()
    objective = Objective(model, loss, (inputs, target))

    def whole(vector: torch.Tensor) -> torch.Tensor:
        return loss(torch.func.functional_call(model, objective.unflat(vector), (inputs,)), target)

    values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(whole, objective.center))
    assert float(values[0]) < 0
    found = sharpness(objective, products=60, probes=1)
    assert found.top == pytest.approx(float(values[-1]), rel=1e-4)
    assert found.bottom == pytest.approx(float(values[0]), rel=1e-3)


def test_too_few_products_say_how_far_off_they_can_be():
    values = torch.tensor(SPECTRA["symmetric"], dtype=torch.float64)
    objective = quadratic_objective(torch.diag(values), torch.zeros(len(values)))
    for products in (1, 3, 8):
        found = sharpness(objective, products=products, probes=1)
        for end, residual in ((found.top, found.residual), (found.bottom, found.bottom_residual)):
            assert float((values - end).abs().min()) <= residual + 1e-9
        assert found.top <= 4 + 1e-6
        assert found.bottom >= -4 - 1e-6
        assert found.bottom_residual > 1e-3


def test_the_worst_of_a_ball_is_known_for_a_bowl():
    # At the minimum the highest loss in a ball of radius r is r^2 top / 2.
    objective = quadratic_objective(spectrum(8.0, 2.0, 0.5), torch.zeros(3))
    found = sharpness(objective, radius=0.5)
    assert found.worst == pytest.approx(0.5 * 8 * 0.25, rel=1e-3)
    assert found.loss == 0


def test_a_linear_loss_is_flat_and_its_ball_rises_along_the_gradient():
    objective = Objective(Point(0.0, 0.0), compute=lambda m, _: 3 * m.at[0] + 4 * m.at[1])
    found = sharpness(objective, radius=2.0)
    assert found.top == found.trace == 0
    assert found.worst == pytest.approx(10, rel=1e-5)


def test_the_same_seed_gives_the_same_numbers_bitwise():
    torch.manual_seed(0)
    objective = Objective(nn.Linear(8, 8), nn.functional.mse_loss, (torch.randn(9, 8), torch.randn(9, 8)))
    one, two = (sharpness(objective, products=6, probes=4, seed=3) for _ in range(2))
    assert (one.top, one.trace, one.trace_error) == (two.top, two.trace, two.trace_error)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"products": 0}, "at least 1"), ({"radius": 0.0}, "positive"), ({"probes": 0}, "at least")],
)
def test_bad_input_gets_one_sentence(options, message):
    with pytest.raises(SettingError, match=message):
        sharpness(quadratic_objective(spectrum(1.0, 2.0), torch.zeros(2)), **options)


def test_an_operation_without_second_derivative_is_named():
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.exp()

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, grad):
            return grad

    objective = Objective(Point(1.0), compute=lambda m, _: Once.apply(m.at).sum() * m.at.sum())
    with pytest.raises(SettingError, match="no second derivative"):
        sharpness(objective)
