"""Every named optimizer against its equation in NumPy, over random problems and settings."""

from copy import deepcopy as copy_of

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.optimizers import names, optimizer
from surefoot.optimizers.catalogue import CATALOGUE

from . import numpy_reference as reference
from .problems import Problem, problems

STEPS = 12
RATES = st.floats(1e-4, 0.2)
SHARES = st.floats(0.0, 0.99)
DECAYS = st.sampled_from([0.0, 1e-3, 0.1])


def agree(problem: Problem, name: str, expected: np.ndarray, **options) -> None:
    path = problem.path(lambda model: optimizer(name, model, decay_all=True, **options), len(expected) - 1)
    np.testing.assert_allclose(path, expected, rtol=1e-9, atol=1e-11)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, DECAYS)
def test_gd(problem, lr, decay):
    expected = reference.sgd(problem.gradient, problem.start, STEPS, lr=lr, weight_decay=decay)
    agree(problem, "gd", expected, lr=lr, weight_decay=decay)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, st.floats(0.01, 0.99), DECAYS, st.booleans(), st.floats(0.0, 0.5))
def test_sgd(problem, lr, momentum, decay, nesterov, dampening):
    chosen = {
        "lr": lr,
        "momentum": momentum,
        "weight_decay": decay,
        "nesterov": nesterov,
        "dampening": 0.0 if nesterov else dampening,
    }
    agree(problem, "sgd", reference.sgd(problem.gradient, problem.start, STEPS, **chosen), **chosen)


@settings(max_examples=20, deadline=None)
@given(problems(), RATES, SHARES, st.floats(0.0, 0.5), DECAYS)
def test_momentum(problem, lr, momentum, dampening, decay):
    chosen = {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": decay}
    agree(problem, "momentum", reference.sgd(problem.gradient, problem.start, STEPS, **chosen), **chosen)


@settings(max_examples=20, deadline=None)
@given(problems(), RATES, st.floats(0.01, 0.99), DECAYS)
def test_nesterov(problem, lr, momentum, decay):
    chosen = {"lr": lr, "momentum": momentum, "weight_decay": decay}
    expected = reference.sgd(problem.gradient, problem.start, STEPS, nesterov=True, **chosen)
    agree(problem, "nesterov", expected, **chosen)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, st.floats(0.5, 0.99), st.sampled_from([0.0, 0.9]), st.booleans(), DECAYS)
def test_rmsprop(problem, lr, alpha, momentum, centered, decay):
    chosen = {
        "lr": lr,
        "alpha": alpha,
        # Centred, the variance may round to zero: an eps that does not amplify the rounding.
        "eps": 1e-3,
        "momentum": momentum,
        "centered": centered,
        "weight_decay": decay,
    }
    agree(problem, "rmsprop", reference.rmsprop(problem.gradient, problem.start, STEPS, **chosen), **chosen)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.9999)), DECAYS, st.booleans())
def test_adam(problem, lr, betas, decay, amsgrad):
    chosen = {"lr": lr, "betas": betas, "eps": 1e-8, "weight_decay": decay, "amsgrad": amsgrad}
    agree(problem, "adam", reference.adam(problem.gradient, problem.start, STEPS, **chosen), **chosen)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.9999)), DECAYS, st.booleans())
def test_adamw(problem, lr, betas, decay, amsgrad):
    chosen = {"lr": lr, "betas": betas, "eps": 1e-8, "weight_decay": decay, "amsgrad": amsgrad}
    expected = reference.adam(problem.gradient, problem.start, STEPS, decoupled=True, **chosen)
    agree(problem, "adamw", expected, **chosen)


@settings(max_examples=25, deadline=None)
@given(problems(), RATES, SHARES, st.booleans(), st.sampled_from(["original", "match_rms_adamw"]), DECAYS)
def test_muon(problem, lr, momentum, nesterov, adjust, decay):
    chosen = {
        "lr": lr,
        "momentum": momentum,
        "nesterov": nesterov,
        "ns_steps": 5,
        "adjust_lr": adjust,
        "weight_decay": decay,
    }
    expected = reference.muon(problem.gradient, problem.start, STEPS, shape=problem.shape, **chosen)
    # The only matrix is also the last one, which adamw would take.
    every = {"*": {"algorithm": "muon", "lr": lr}}
    agree(problem, "muon", expected, groups=every, precision="same", **chosen)


@settings(max_examples=20, deadline=None)
@given(problems(), st.floats(1e-4, 0.1), st.tuples(st.floats(0.0, 0.99), st.floats(0.5, 0.9999)), DECAYS)
def test_the_adamw_part_of_muon(problem, lr, betas, decay):
    chosen = {"betas": betas, "eps": 1e-8, "weight_decay": decay}
    expected = reference.adam(
        problem.gradient, problem.start, STEPS, lr=lr, amsgrad=False, decoupled=True, **chosen
    )
    agree(problem, "muon", expected, adamw_lr=lr, **chosen)


@settings(max_examples=25, deadline=None)
@given(problems(), st.floats(0.05, 0.3), st.integers(1, 5))
def test_lbfgs_with_fixed_steps(problem, lr, history):
    expected = reference.lbfgs(problem.gradient, problem.start, 6, lr=lr, history_size=history)
    chosen = {"lr": lr, "history_size": history, "max_iter": 1, "line_search_fn": None}
    path = problem.path(lambda model: optimizer("lbfgs", model, tolerance_change=0.0, **chosen), 6)
    np.testing.assert_allclose(path, expected, rtol=1e-6, atol=1e-8)


@settings(max_examples=15, deadline=None)
@given(problems())
def test_lbfgs_reaches_a_point_without_slope(problem):
    end = problem.path(lambda model: optimizer("lbfgs", model, max_iter=100), 3)[-1]
    assert np.abs(problem.gradient(end)).max() < 1e-4


@pytest.mark.parametrize("name", names())
def test_defaults_descend_and_repeat_bitwise(name):
    rng = np.random.default_rng(0)
    problem = Problem(np.diag([0.5, 1.0, 1.5, 2.0]), np.ones(4), rng.normal(size=4) * 3, (2, 2))
    first = problem.path(lambda model: optimizer(name, model), 50)
    again = problem.path(lambda model: optimizer(name, model), 50)
    assert np.array_equal(first, again)

    def loss(theta):
        return theta @ problem.curvature @ theta / 2 - problem.pull @ theta + np.cos(theta).sum()

    assert loss(first[-1]) < loss(first[0])


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch.optim.Muon came with torch 2.9")
@pytest.mark.parametrize("adjust", ["original", "match_rms_adamw"])
def test_muon_equals_torch_bitwise(adjust):
    def trained(make):
        torch.manual_seed(0)
        model = torch.nn.Linear(7, 5, bias=False)
        made = make(model)
        data = torch.randn(16, 7)
        for _ in range(8):
            made.zero_grad()
            model(data).square().mean().backward()
            made.step()
        return model.weight.detach().clone()

    every = {"*": {"algorithm": "muon", "lr": 0.05, "weight_decay": 0.1}}
    ours = trained(lambda m: optimizer("muon", m, groups=every, adjust_lr=adjust))
    theirs = trained(
        lambda m: torch.optim.Muon(m.parameters(), lr=0.05, weight_decay=0.1, adjust_lr_fn=adjust)
    )
    assert torch.equal(ours, theirs)


def test_muon_leaves_gradients_and_missing_gradients_alone():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))
    made = optimizer("muon", model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    model[0](torch.ones(2, 3)).sum().backward()
    gradient = model[0].weight.grad.clone()
    made.step()
    assert torch.equal(model[0].weight.grad, gradient)
    assert not torch.equal(model[0].weight, before["0.weight"])
    assert torch.equal(model[1].weight, before["1.weight"])
    assert model[1].weight.grad is None


def test_state_survives_saving_and_loading():
    def stepped(made, model, times):
        for _ in range(times):
            made.zero_grad()
            model(torch.arange(6.0).reshape(2, 3)).square().sum().backward()
            made.step()

    for name in CATALOGUE:
        if name == "lbfgs":
            continue
        torch.manual_seed(1)
        model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        made = optimizer(name, model, lr=1e-3)
        stepped(made, model, 3)
        copy = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
        copy.load_state_dict(model.state_dict())
        other = optimizer(name, copy, lr=1e-3)
        other.load_state_dict(copy_of(made.state_dict()))
        stepped(made, model, 3)
        stepped(other, copy, 3)
        for one, two in zip(model.parameters(), copy.parameters(), strict=True):
            assert torch.equal(one, two), name
