"""ClipUpdate against StableAdamW as its paper writes it, and on every kind of optimizer that it takes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from reference.clipping import slow_stable_adamw
from surefoot.clipping import ClipUpdate
from surefoot.errors import ClippingError, SettingError

from .problems import make_parameters, random_gradients, same, set_gradients
from .test_synchronisation import Synchronisations

PLACES = pytest.mark.parametrize("place", ["host", "device"])
KINDS = {
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.01),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.01, fused=True),
    "Adam amsgrad": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True),
    "Adam with L2": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.5),
    "Adam upwards with L2": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.5, maximize=True),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.01),
    "RAdam": lambda p: torch.optim.RAdam(p, lr=0.01),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.01),
    "RMSprop centered": lambda p: torch.optim.RMSprop(p, lr=0.01, centered=True),
}


def run(optimizer, parameters, gradients, each=None):
    for step in gradients:
        set_gradients(parameters, step)
        optimizer.step()
        if each:
            each()
    return [p.detach().clone() for p in parameters]


@PLACES
@pytest.mark.parametrize("max_rms", [1.0, 1.5])
@pytest.mark.parametrize("fused", [True, False])
def test_is_stable_adamw(place, fused, max_rms):
    parameters = [nn.Parameter(p.detach().double()) for p in make_parameters()]
    gradients = random_gradients(parameters, 60, spread=1.5)
    start = [p.detach().numpy().copy() for p in parameters]
    optimizer = torch.optim.AdamW(parameters, lr=0.01, betas=(0.9, 0.95), weight_decay=0.3, fused=fused)
    ClipUpdate(max_rms, threshold_on=place).attach(optimizer)
    got = run(optimizer, parameters, [[g.double() for g in step] for step in gradients])
    want, clipped = slow_stable_adamw(
        start, gradients, lr=0.01, betas=(0.9, 0.95), eps=1e-8, decay=0.3, max_rms=max_rms
    )
    assert 0.1 < clipped < 0.9
    for mine, theirs in zip(got, want, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-9, atol=1e-12)


@PLACES
@pytest.mark.parametrize("kind", KINDS)
def test_the_share_is_that_of_the_second_moments_the_step_leaves_behind(kind, place):
    """After the step the optimizer itself says what v was: the update is the plain one's, times 1 / r."""
    parameters, others = make_parameters(), make_parameters()
    optimizer, plain = KINDS[kind](parameters), KINDS[kind](others)
    ClipUpdate(threshold_on=place).attach(optimizer)
    clipped = 0
    for gradients in random_gradients(parameters, 12, spread=1.5):
        before = [p.detach().clone() for p in parameters]
        for p, q in zip(parameters, others, strict=True):
            q.data.copy_(p.data)
            if p in optimizer.state:
                plain.state[q] = copy.deepcopy(optimizer.state[p])
        set_gradients(parameters, gradients)
        set_gradients(others, gradients)
        optimizer.step()
        plain.step()
        for p, q, old, g in zip(parameters, others, before, gradients, strict=True):
            assert all(same([a], [b]) for a, b in zip(_state(optimizer, p), _state(plain, q), strict=True))
            assert torch.equal(p.grad, g)
            share = min(1.0, 1 / _ratio(plain, q, old, g))
            torch.testing.assert_close(p.detach() - old, (q.detach() - old) * share, rtol=2e-3, atol=3e-7)
            clipped += share < 0.99
    assert clipped > 3


def _state(optimizer, parameter):
    return [value for value in optimizer.state[parameter].values() if isinstance(value, torch.Tensor)]


def _ratio(optimizer, parameter, weight, gradient):
    group, state = optimizer.param_groups[0], optimizer.state[parameter]
    if group["weight_decay"] and not isinstance(optimizer, torch.optim.AdamW):
        gradient = (-gradient if group["maximize"] else gradient) + group["weight_decay"] * weight
    if isinstance(optimizer, torch.optim.RMSprop):
        moment = state["square_avg"] - (state["grad_avg"] ** 2 if group["centered"] else 0)
    else:
        moment = state["max_exp_avg_sq" if group.get("amsgrad") else "exp_avg_sq"]
        moment = moment / (1 - group["betas"][1] ** float(state["step"]))
    return float((gradient**2 / moment.clamp(min=group["eps"] ** 2)).mean().sqrt())


@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_bitwise_no_op_when_nothing_is_clipped(place, fused):
    finals = []
    for clip in (True, False):
        parameters = make_parameters()
        optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
        if clip:
            ClipUpdate(1e4, threshold_on=place).attach(optimizer)
        finals.append(run(optimizer, parameters, random_gradients(parameters, 15)))
    assert same(*finals)


@PLACES
def test_a_first_step_is_not_clipped_by_rounding(place):
    for seed in range(20):
        parameters = make_parameters(seed)
        optimizer = torch.optim.Adam(parameters, lr=0.1)
        clipper = ClipUpdate(threshold_on=place).attach(optimizer)
        run(optimizer, parameters, random_gradients(parameters, 1, seed=seed))
        assert float(clipper.last.factor) == 1


@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_a_step_that_is_not_finite_leaves_all_as_it_was(place, fused):
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
    ClipUpdate(threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 6, spread=2.0)
    before = run(optimizer, parameters, gradients)
    bad = [torch.full_like(g, float("nan")) for g in gradients[0]]
    assert same(before, run(optimizer, parameters, [bad]))
    assert all(bool(torch.isfinite(p).all()) for p in run(optimizer, parameters, gradients))


@pytest.mark.parametrize("fused", [True, False])
def test_a_scaler_changes_nothing(fused):
    finals = []
    for scale in (1.0, 1024.0):
        parameters = make_parameters()
        optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
        ClipUpdate().attach(optimizer)
        scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=1000)
        for step in random_gradients(parameters, 10, spread=1.5):
            scaler.scale(torch.zeros(()))
            set_gradients(parameters, [g * scale for g in step])
            scaler.step(optimizer)
            scaler.update()
        finals.append([p.detach() for p in parameters])
    for one, other in zip(*finals, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_a_closure_and_complex_and_half_precision_weights():
    weights = [
        nn.Parameter(torch.ones(3, dtype=torch.complex64)),
        nn.Parameter(torch.ones(4, dtype=torch.bfloat16)),
    ]
    optimizer = torch.optim.AdamW(weights, lr=0.1, weight_decay=0.0)
    clipper = ClipUpdate().attach(optimizer)
    for size in (1.0, 1.0, 50.0):

        def closure(size=size):
            weights[0].grad = torch.full((3,), size * (3 - 4j), dtype=torch.complex64)
            weights[1].grad = torch.full((4,), size, dtype=torch.bfloat16)
            return torch.zeros(())

        before = weights[0].detach().clone()
        optimizer.step(closure)
    assert float(clipper.last.factor) == pytest.approx(0.577, abs=3e-3)
    moved = torch.view_as_real(weights[0].detach() - before)
    plain = torch.optim.AdamW([real := nn.Parameter(torch.ones(3, 2))], lr=0.1, weight_decay=0.0)
    for size in (1.0, 1.0, 50.0):
        old = real.detach().clone()
        real.grad = size * torch.tensor([[3.0, -4.0]]).expand(3, 2)
        plain.step()
    torch.testing.assert_close(
        moved, (real.detach() - old) * float(clipper.last.factor), rtol=2e-2, atol=1e-4
    )


@PLACES
def test_no_step_synchronises(place):
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=True)
    ClipUpdate(threshold_on=place).attach(optimizer)
    run(optimizer, parameters, random_gradients(parameters, 3))
    set_gradients(parameters, random_gradients(parameters, 1, spread=2.0)[0])
    with Synchronisations() as seen:
        optimizer.step()
    assert seen.operations
    assert seen.count == 0


def test_groups_left_out_and_parameters_that_come_late():
    parameters = make_parameters()
    groups = [{"params": parameters[:2]}, {"params": parameters[2:], "clip": False}]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    clipper = ClipUpdate().attach(optimizer)
    plain_ones = make_parameters()
    plain = torch.optim.AdamW(plain_ones, lr=0.01)
    for at, gradients in enumerate(random_gradients(parameters, 15, spread=1.5)):
        if at < 5:
            gradients[1] = None
        run(optimizer, parameters, [gradients])
        run(plain, plain_ones, [gradients])
        assert len(clipper.last.parameters) == (1 if at < 5 else 2)
    assert same([p.detach() for p in parameters[2:]], [p.detach() for p in plain_ones[2:]])
    assert not torch.equal(parameters[0], plain_ones[0])


def test_what_it_cannot_clip_is_one_sentence():
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.ones(2)
    with pytest.raises(ClippingError, match="which SGD does not keep"):
        ClipUpdate().attach(torch.optim.SGD([weight], lr=0.1))
    with pytest.raises(ClippingError, match="attach it"):
        ClipUpdate()([weight])
    with pytest.raises(SettingError, match="max_rms=0"):
        ClipUpdate(0)
    table = nn.Embedding(4, 2, sparse=True)
    optimizer = torch.optim.Adam(table.parameters(), lr=0.1)
    ClipUpdate().attach(optimizer)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(ClippingError, match="clip=False"):
        optimizer.step()


def test_another_packages_optimizer_is_taken_by_what_it_keeps():
    class Lion(torch.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1, "betas": (0.9, 0.99)})

        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                self.state[p].setdefault("exp_avg", torch.zeros_like(p))

    weight = nn.Parameter(torch.zeros(2))
    optimizer = Lion([weight])
    ClipUpdate().attach(optimizer)
    weight.grad = torch.ones(2)
    optimizer.step()
    with pytest.raises(ClippingError, match="this Lion keeps none"):
        optimizer.step()


def test_describes_and_clones_itself():
    optimizer = torch.optim.AdamW([nn.Parameter(torch.zeros(2))])
    clipper = ClipUpdate(2.0).attach(optimizer)
    assert "each parameter's update is shortened by itself" in clipper.describe()
    assert repr(clipper.clone()) == "ClipUpdate(max_rms=2.0)"
