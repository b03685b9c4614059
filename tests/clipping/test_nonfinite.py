"""Gradients that are NaN or infinite: what is left out, zeroed, raised or passed on; never learned from."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_optimizer import Lion, StableAdamW
from schedulefree import AdamWScheduleFree, SGDScheduleFree

from surefoot.clipping import AdaptiveGradientClip, AutoClip, ClipByNorm, ClipByValue, ZClip
from surefoot.errors import NonfiniteGradient

from .problems import frozen, make_parameters, random_gradients, same, set_gradients

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "SGD fused momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, fused=True),
    "SGD fused dampening": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5, fused=True),
    "SGD momentum decay": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, fused=True),
    "AdamW fused amsgrad": lambda p: torch.optim.AdamW(p, lr=0.1, amsgrad=True, fused=True),
    "Adagrad fused": lambda p: torch.optim.Adagrad(p, lr=0.1, fused=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, momentum=0.9),
    "NAdam": lambda p: torch.optim.NAdam(p, lr=0.1),
    "ASGD": lambda p: torch.optim.ASGD(p, lr=0.1),
    "Adafactor": lambda p: torch.optim.Adafactor(p, lr=0.1),
}
OTHERS = {
    "schedule_free AdamW": lambda p: AdamWScheduleFree(p, lr=0.1, weight_decay=0.1, warmup_steps=3),
    "schedule_free SGD": lambda p: SGDScheduleFree(p, lr=0.1, weight_decay=0.1),
    "Lion": lambda p: Lion(p, lr=0.1, weight_decay=0.1),
    "StableAdamW": lambda p: StableAdamW(p, lr=0.1, weight_decay=0.1),
}
BAD = [math.nan, math.inf, -math.inf]
PLACES = pytest.mark.parametrize("place", ["host", "device"])


def spoiled(gradients, value):
    gradients = [g.clone() for g in gradients]
    gradients[0].view(-1)[2] = value
    return gradients


@PLACES
@pytest.mark.parametrize("name", [*OPTIMIZERS, *OTHERS])
@pytest.mark.parametrize("first", [True, False])
def test_a_skipped_step_changes_nothing_bitwise(name, place, first):
    """Also on the very first step, where a fused SGD skipping itself keeps uninitialised momentum."""
    parameters = make_parameters()
    optimizer = {**OPTIMIZERS, **OTHERS}[name](parameters)
    if hasattr(optimizer, "train"):
        optimizer.train()
    clipper = AutoClip(50, threshold_on=place).attach(optimizer)
    good = random_gradients(parameters, 8)
    if not first:
        for gradients in good[:3]:
            set_gradients(parameters, gradients)
            optimizer.step()
    learned = clipper.state_dict()
    for value in BAD:
        before = frozen(parameters, optimizer)
        set_gradients(parameters, spoiled(good[3], value))
        optimizer.step()
        assert same(frozen(parameters, optimizer), before)
        assert float(clipper.last.factor) == 1
        assert bool(clipper.last.skipped)
        assert "grad_scale" not in vars(optimizer)
        assert "found_inf" not in vars(optimizer)
    assert same(clipper.state_dict().get("histories"), learned.get("histories")) or first
    # And training goes on exactly as if the bad steps had never been.
    twin = make_parameters()
    twin_optimizer = {**OPTIMIZERS, **OTHERS}[name](twin)
    if hasattr(twin_optimizer, "train"):
        twin_optimizer.train()
    AutoClip(50, threshold_on=place).attach(twin_optimizer)
    for gradients in good if first else good[:3] + good:
        set_gradients(twin, gradients)
        twin_optimizer.step()
    for gradients in good:
        set_gradients(parameters, gradients)
        optimizer.step()
    assert same(frozen(parameters, optimizer), frozen(twin, twin_optimizer))


@PLACES
@pytest.mark.parametrize(
    "make", [ClipByNorm, lambda _, **k: ZClip(warmup=2, **k), ClipByValue, AdaptiveGradientClip]
)
def test_every_clipper_leaves_a_bad_step_out(make, place):
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1)
    clipper = make(1.0, threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 6)
    for i in range(6):
        before = frozen(parameters, optimizer)
        bad = i in (0, 3, 4)
        set_gradients(parameters, spoiled(gradients[i], math.nan) if bad else gradients[i])
        optimizer.step()
        assert same(frozen(parameters, optimizer), before) == bad
    memory = clipper.state_dict()
    assert not any(isinstance(v, float) and math.isnan(v) for v in memory.values())


@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_zero_clears_bad_entries_and_clips_the_rest(place, fused):
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=fused)
    ClipByNorm(0.5, nonfinite="zero", threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 1)[0]
    before = [p.detach().clone() for p in parameters]
    set_gradients(parameters, spoiled(gradients, math.nan))
    optimizer.step()
    cleared = spoiled(gradients, 0.0)
    norm = torch.stack([g.norm() for g in cleared]).norm()
    for p, old, g in zip(parameters, before, cleared, strict=True):
        torch.testing.assert_close(p.detach(), old - g * 0.5 / norm, rtol=1e-4, atol=1e-6)
    history = AutoClip(nonfinite="zero", threshold_on=place)
    for value in (1.0, math.nan, 1.0):
        set_gradients(parameters, spoiled(gradients, value))
        history(parameters)
    assert len(history.state_dict()["histories"]["all gradients"]) == 2


@PLACES
def test_propagate_leaves_gradients_as_they_are_and_learns_nothing(place):
    parameters = make_parameters()
    clipper = AutoClip(0, nonfinite="propagate", threshold_on=place)
    gradients = random_gradients(parameters, 3, spread=0)
    for i, value in enumerate((1.0, math.nan, math.inf)):
        set_gradients(parameters, spoiled(gradients[i], value))
        before = [p.grad.clone() for p in parameters]
        clipper(parameters)
        assert same([p.grad for p in parameters], before)
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 1


def test_raise_names_the_parameters_and_comes_before_the_step():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    AutoClip(nonfinite="raise").attach(optimizer, model)
    model(torch.ones(1, 2)).sum().backward()
    model[1].bias.grad.fill_(math.nan)
    before = frozen(model, optimizer)
    with pytest.raises(NonfiniteGradient, match=r"1\.bias \(1,\)") as caught:
        optimizer.step()
    assert "0.weight" not in str(caught.value)
    assert same(frozen(model, optimizer), before)


def test_raise_on_a_device_leaves_the_step_out_and_comes_with_the_next():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    AutoClip(nonfinite="raise", threshold_on="device").attach(optimizer, model)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    model[1].bias.grad.fill_(math.nan)
    before = frozen(model, optimizer)
    optimizer.step()
    assert same(frozen(model, optimizer), before)
    with pytest.raises(NonfiniteGradient, match=r"1\.bias \(1,\)"):
        optimizer.step()
    assert same(frozen(model, optimizer), before)


@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_a_cap_on_skips_in_a_row_raises_with_names(place, fused):
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
    AutoClip(max_consecutive_skips=3, threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 1)[0]
    late = 1 if place == "device" else 0  # the count arrives at the next step

    def step(value):
        set_gradients(parameters, spoiled(gradients, value))
        optimizer.step()

    for value in (1.0, math.nan, math.nan, math.nan, 1.0, math.nan, math.nan, math.nan, *[math.nan] * late):
        step(value)
    with pytest.raises(NonfiniteGradient, match=r"4 steps in a row.*parameter 0 of group 0 \(5, 4\)"):
        step(math.nan)


@PLACES
def test_called_by_hand_a_bad_gradient_becomes_no_step(place):
    parameters = make_parameters()
    clipper = AutoClip(threshold_on=place)
    set_gradients(parameters, spoiled(random_gradients(parameters, 1)[0], math.inf))
    result = clipper(parameters)
    assert bool(result.skipped)
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in parameters)


def test_gradients_are_given_back_after_a_skipped_step():
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1)
    AutoClip().attach(optimizer)
    gradients = spoiled(random_gradients(parameters, 1)[0], math.nan)
    set_gradients(parameters, gradients)
    held = [p.grad for p in parameters]
    optimizer.step()
    assert all(p.grad is g for p, g in zip(parameters, held, strict=True))
    assert same(held, gradients)


class FillsInZeros(torch.optim.Optimizer):
    """As some optimizers of third parties do: a missing gradient counts as zero, and weights decay."""

    def __init__(self, params):
        super().__init__(params, {"calls": 0})
        self.total = 0

    @torch.no_grad()
    def step(self, closure=None):
        self.total += 1
        for group in self.param_groups:
            group["calls"] += 1
            for p in group["params"]:
                if p.grad is None:
                    p.grad = torch.zeros_like(p)
                state = self.state[p]
                state.setdefault("momentum", torch.zeros_like(p)).mul_(0.9).add_(p.grad)
                p.data.mul_(0.99).sub_(state["momentum"])


@pytest.mark.parametrize("first", [True, False])
def test_optimizers_that_act_without_gradients_are_put_back(first):
    parameters = make_parameters()
    optimizer = FillsInZeros(parameters)
    AutoClip().attach(optimizer)
    gradients = random_gradients(parameters, 2)
    if not first:
        set_gradients(parameters, gradients[0])
        optimizer.step()
    before = frozen(parameters, optimizer), optimizer.total
    set_gradients(parameters, spoiled(gradients[1], math.nan))
    optimizer.step()
    assert same((frozen(parameters, optimizer), optimizer.total), before)
