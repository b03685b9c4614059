from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import SettingError
from surefoot.landscape import Objective, SmoothnessMeter, TrajectoryRecorder, log_fit, smoothness_along
from surefoot.surfaces import Smoothness, Trajectory

from .closed_form import Everything, Point, snapshot


def test_on_a_quadratic_it_is_the_stretch_of_the_step():
    # g is linear, so ||g(p + c d) - g(p)|| / (c ||d||) = ||A d|| / ||d|| for every c.
    matrix = torch.diag(torch.tensor([4.0, 1.0]))
    model = Point(1.0, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    meter = SmoothnessMeter(model, every=1)
    expected = []
    for _ in range(4):
        optimizer.zero_grad()
        before = model.at.detach().clone()
        (0.5 * model.at @ matrix @ model.at).backward()
        with meter.measuring(lambda: 0.5 * model.at @ matrix @ model.at):
            optimizer.step()
        step = model.at.detach() - before
        expected.append([float((matrix @ step).norm() / step.norm()), float((matrix @ before).norm())])
    record = meter.record()
    np.testing.assert_allclose(record.smoothness, np.array(expected)[:, 0], rtol=1e-4)
    np.testing.assert_allclose(record.grad_norms, np.array(expected)[:, 1], rtol=1e-5)
    assert record.steps.tolist() == [0, 1, 2, 3]


def test_the_greatest_over_the_factors_is_taken():
    # g(p) = 4 p^3: from p = 1 by d = -1 the ratios are 4 (1 - (1 - c)^3) / c, greatest for the least c.
    model = Point(1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.25)
    meter = SmoothnessMeter(model, every=1, factors=(0.5, 1.0))
    model.at.pow(4).sum().backward()
    with meter.measuring(lambda: model.at.pow(4).sum()):
        optimizer.step()
    assert model.at.item() == 0
    assert meter.record().smoothness[0] == pytest.approx(4 * (1 - 0.125) / 0.5)


def test_the_gradient_is_not_the_clipped_one():
    model = Point(10.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    meter = SmoothnessMeter(model, every=1)
    model.at.square().sum().backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    with meter.measuring(lambda: model.at.square().sum()):
        optimizer.step()
    assert meter.record().grad_norms[0] == pytest.approx(20)
    assert meter.record().step_norms[0] == pytest.approx(0.01, rel=1e-3)


def train(measured: bool, steps: int = 7) -> tuple[dict[str, object], Smoothness | None]:
    torch.manual_seed(4)
    model = Everything()
    model.norm.train()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    meter = SmoothnessMeter(model, every=3)
    for _ in range(steps):
        x, y = torch.randn(8, 4), torch.randint(0, 2, (8,))

        def compute(x=x, y=y):
            return nn.functional.cross_entropy(model(x), y)

        optimizer.zero_grad()
        compute().backward()
        if measured:
            with meter.measuring(compute):
                optimizer.step()
        else:
            optimizer.step()
    state = snapshot(model)
    values = {k: v[3:] if isinstance(v, tuple) and len(v) == 5 else v for k, v in state.items()}
    values = {k: v for k, v in values.items() if not (isinstance(v, tuple) and len(v) in (2, 3))}
    return values, meter.record()


def test_measuring_changes_nothing_of_the_training():
    measured, record = train(True)
    plain, _ = train(False)
    assert record.steps.tolist() == [0, 3, 6]
    assert (record.smoothness > 0).all()
    assert measured == plain


def test_parameters_are_their_own_again_after_a_failure():
    model = Point(1.0, 2.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    meter = SmoothnessMeter(model, every=1)
    model.at.square().sum().backward()
    storage = model.at.data_ptr()
    calls = []

    def compute():
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("on purpose")
        return model.at.square().sum()

    with pytest.raises(RuntimeError, match="on purpose"), meter.measuring(compute):
        optimizer.step()
    assert model.at.data_ptr() == storage
    torch.testing.assert_close(model.at.data, torch.tensor([0.8, 1.6]))


def smoothness_of(x: np.ndarray, y: np.ndarray) -> Smoothness:
    empty = np.ones(len(x))
    return Smoothness(np.arange(len(x)), y, x, empty, empty, (1.0,), 1)


def test_the_fit_is_of_the_logarithms_with_an_interval():
    generator = np.random.default_rng(0)
    x = 10 ** generator.normal(size=200)
    y = 3 * x**0.7 * 10 ** (0.2 * generator.normal(size=200))
    fit = log_fit(smoothness_of(x, y))
    assert fit.r == pytest.approx(np.corrcoef(np.log(x), np.log(y))[0, 1])
    assert fit.slope == pytest.approx(0.7, abs=0.05)
    assert fit.intercept == pytest.approx(np.log10(3), abs=0.05)
    assert fit.low < fit.r < fit.high
    assert fit.high - fit.low < 0.1
    assert fit.records == 200
    y[0], x[1], y[2] = 0, np.nan, np.inf
    assert log_fit(smoothness_of(x, y)).records == 197


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SmoothnessMeter(Point(1.0), every=0), "every"),
        (lambda: SmoothnessMeter(Point(1.0), factors=(0.0,)), r"\(0, 1\]"),
        (lambda: SmoothnessMeter(nn.Flatten()), "no trainable parameter"),
        (lambda: log_fit(smoothness_of(np.ones(3), np.ones(3))), "at least 4"),
        (lambda: log_fit(smoothness_of(np.ones(9), np.ones(9))), "hardly changes"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(SettingError, match=message):
        call()


# ---- along a recorded path


def quadratic_path(points):
    model = Point(1.0, 1.0)
    objective = Objective(model, compute=lambda m, _: 0.5 * (torch.tensor([4.0, 1.0]) * m.at * m.at).sum())
    full = np.array(points, dtype=np.float32)
    return objective, Trajectory(
        "gd", np.arange(len(full)), full, objective.layout, np.full(len(full), np.nan)
    )


def test_along_a_recorded_path_it_is_the_stretch_of_each_move():
    objective, path = quadratic_path([(1, 1), (0, 1), (0, 0.5), (-1, -0.5)])
    seen = []
    record = smoothness_along(objective, path, progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_allclose(record.smoothness, [4, 1, np.sqrt(17 / 2)], rtol=1e-5)
    np.testing.assert_allclose(record.grad_norms, [np.sqrt(17), 1, 0.5], rtol=1e-6)
    np.testing.assert_allclose(record.losses, [2.5, 0.5, 0.125], rtol=1e-6)
    np.testing.assert_allclose(record.step_norms, [1, 0.5, np.sqrt(2)], rtol=1e-6)
    assert (record.steps.tolist(), record.every) == ([0, 1, 2], 1)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_long_path_is_measured_at_evenly_spread_moves():
    objective, path = quadratic_path([(1 - 0.01 * i, 1) for i in range(91)])
    record = smoothness_along(objective, path, records=10)
    assert len(record) == 10
    assert (record.steps[0], record.steps[-1]) == (0, 89)
    np.testing.assert_allclose(record.smoothness, 4, rtol=1e-3)


def test_on_the_trajectory_of_full_batch_descent_it_is_what_the_meter_measures():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1))
    x, y = torch.randn(20, 3), torch.randn(20, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    meter, recorder = SmoothnessMeter(model, every=1), TrajectoryRecorder(model)
    recorder.record()
    for _ in range(6):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        with meter.measuring(lambda: nn.functional.mse_loss(model(x), y)):
            optimizer.step()
        recorder.record()
    along = smoothness_along(Objective(model, nn.functional.mse_loss, (x, y)), recorder.trajectory())
    np.testing.assert_allclose(along.smoothness, meter.record().smoothness, rtol=1e-3)
    np.testing.assert_allclose(along.grad_norms, meter.record().grad_norms, rtol=1e-5)


@pytest.mark.parametrize(
    ("points", "factors", "message"),
    [
        ([(1, 1)], (1.0,), "fewer than two points"),
        ([(1, 1), (1, 1)], (1.0,), "never moves"),
        ([(1, 1), (0, 1)], (), "factors are"),
        ([(1, 1), (0, 1)], (2.0,), "factors are"),
    ],
)
def test_a_path_without_a_move_is_refused(points, factors, message):
    objective, path = quadratic_path(points)
    with pytest.raises(SettingError, match=message):
        smoothness_along(objective, path, factors=factors)
