"""Over a whole run, every step, against torch's and Transformers' own schedulers."""

import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as theirs

from surefoot.schedules import (
    constant,
    cosine,
    cosine_restarts,
    exponential,
    inverse_square_root,
    linear,
    multi_step,
    one_cycle,
    polynomial,
    scheduler,
    step,
    warmup,
    warmup_stable_decay,
)

STEPS = 240
LR = 0.3


def sgd(lr=LR):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.9)


def run(optimizer, schedule, steps):
    """(rates, momenta) at each step of a run."""
    rates, momenta = [], []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        momenta.append(optimizer.param_groups[0]["momentum"])
        optimizer.step()
        schedule.step()
    return np.array(rates), np.array(momenta)


# Ours, torch's maker, and how many steps torch's formula is meant for.
TORCH = {
    "constant": (constant(0.25, 50) >> constant(), lambda o: theirs.ConstantLR(o, 0.25, 50), STEPS),
    "step": (step(30, gamma=0.4), lambda o: theirs.StepLR(o, 30, 0.4), STEPS),
    "multi_step": (
        multi_step((17, 99, 180), gamma=0.3),
        lambda o: theirs.MultiStepLR(o, [17, 99, 180], 0.3),
        STEPS,
    ),
    "exponential": (exponential(0.97), lambda o: theirs.ExponentialLR(o, 0.97), STEPS),
    "linear": (linear(100, start=0.2, end=0.7), lambda o: theirs.LinearLR(o, 0.2, 0.7, 100), STEPS),
    "polynomial": (polynomial(200, power=2.5), lambda o: theirs.PolynomialLR(o, 200, 2.5), STEPS),
    "cosine": (
        cosine(STEPS, end=0.1),
        lambda o: theirs.CosineAnnealingLR(o, STEPS, eta_min=0.1 * LR),
        STEPS + 1,
    ),
    "restarts": (
        cosine_restarts(40, end=0.2),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 40, eta_min=0.2 * LR),
        STEPS,
    ),
    "growing restarts": (
        cosine_restarts(11, growth=3),
        lambda o: theirs.CosineAnnealingWarmRestarts(o, 11, T_mult=3),
        4 * STEPS,
    ),
    "joined": (
        linear(20, start=0.1, end=1.0) >> cosine(100) >> constant(0.0),
        lambda o: theirs.SequentialLR(
            o,
            [
                theirs.LinearLR(o, 0.1, 1.0, 20),
                theirs.CosineAnnealingLR(o, 100),
                theirs.ConstantLR(o, 0.0, 10**6),
            ],
            [20, 120],
        ),
        STEPS,
    ),
    "product": (
        step(50, gamma=0.5) * exponential(0.99),
        lambda o: theirs.ChainedScheduler(
            [theirs.StepLR(o, 50, 0.5), theirs.ExponentialLR(o, 0.99)], optimizer=o
        ),
        STEPS,
    ),
}


@pytest.mark.parametrize("name", TORCH)
def test_equals_torch(name):
    schedule, make, steps = TORCH[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR warns about itself
        one, two = sgd(), sgd()
        expected, _ = run(two, make(two), steps)
    rates, _ = run(one, scheduler(one, schedule), steps)
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(LR * np.array(schedule.values(range(steps))), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", ["cosine", "linear"])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize(("length", "rise"), [(STEPS, 0.3), (37, 0.21), (10, 0.45)])
def test_one_cycle_equals_torch_with_momentum(shape, three_phase, length, rise):
    one, two = sgd(), sgd()
    ours = one_cycle(length, rise, 10, 1e3, shape, three_phase, momentum_low=0.8, momentum_high=0.99)
    rates, momenta = run(one, scheduler(one, ours), length)
    other = theirs.OneCycleLR(
        two,
        max_lr=LR,
        total_steps=length,
        pct_start=rise,
        anneal_strategy="cos" if shape == "cosine" else "linear",
        div_factor=10,
        final_div_factor=1e3,
        three_phase=three_phase,
        base_momentum=0.8,
        max_momentum=0.99,
    )
    expected, expected_momenta = [], []
    for at in range(length):
        expected.append(two.param_groups[0]["lr"])
        expected_momenta.append(two.param_groups[0]["momentum"])
        two.step()
        if at < length - 1:  # torch refuses one step more
            other.step()
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(momenta, expected_momenta, rtol=1e-9)


def test_one_cycle_moves_the_first_beta():
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)])
    rates = scheduler(adam, one_cycle(10))
    assert adam.param_groups[0]["betas"] == (0.95, 0.999)
    for _ in range(2):
        adam.step()
        rates.step()
    assert adam.param_groups[0]["betas"][0] == pytest.approx(0.85)


def transformers_cases():
    warm, total = 30, STEPS
    rest = total - warm
    return {
        "constant": (warmup(warm) >> constant(), "get_constant_schedule_with_warmup", (warm,), {}),
        "linear": (warmup(warm) >> linear(rest), "get_linear_schedule_with_warmup", (warm, total), {}),
        "cosine": (warmup(warm) >> cosine(rest), "get_cosine_schedule_with_warmup", (warm, total), {}),
        "restarts": (
            warmup(warm) >> cosine_restarts(rest // 3, cycles=3),
            "get_cosine_with_hard_restarts_schedule_with_warmup",
            (warm, total),
            {"num_cycles": 3},
        ),
        "polynomial": (
            warmup(warm) >> polynomial(rest, power=2, end=0.1),
            "get_polynomial_decay_schedule_with_warmup",
            (warm, total),
            {"power": 2, "lr_end": 0.1 * LR},
        ),
        "inverse square root": (inverse_square_root(warm), "get_inverse_sqrt_schedule", (warm,), {}),
        "its timescale": (
            inverse_square_root(warm, timescale=100),
            "get_inverse_sqrt_schedule",
            (warm,),
            {"timescale": 100},
        ),
        "cosine with an end": (
            warmup(warm) >> cosine(rest, end=0.2),
            "get_cosine_with_min_lr_schedule_with_warmup",
            (warm, total),
            {"min_lr_rate": 0.2},
        ),
        **{
            f"wsd {shape}": (
                warmup_stable_decay(warm, 100, 60, start=0.1, end=0.1, rise=shape, fall=shape),
                "get_wsd_schedule",
                (warm, 60),
                {"num_stable_steps": 100, "warmup_type": shape, "decay_type": shape, "min_lr_ratio": 0.1},
            )
            for shape in ("linear", "cosine", "1-sqrt")
        },
    }


@pytest.mark.parametrize("name", transformers_cases())
def test_equals_transformers(name):
    optimization = pytest.importorskip("transformers.optimization")
    schedule, maker, positional, options = transformers_cases()[name]
    one, two = sgd(), sgd()
    expected, _ = run(two, getattr(optimization, maker)(two, *positional, **options), STEPS + 1)
    rates, _ = run(one, scheduler(one, schedule), STEPS + 1)
    np.testing.assert_allclose(rates, expected, rtol=1e-9, atol=1e-12)


def test_noam_is_the_papers_rate():
    width, warm = 512, 4000
    schedule = inverse_square_root(warm) * (width * warm) ** -0.5
    for at in (1, 10, 3999, 4000, 4001, 100_000):
        assert schedule(at) == pytest.approx(width**-0.5 * min(at**-0.5, at * warm**-1.5), rel=1e-12)
