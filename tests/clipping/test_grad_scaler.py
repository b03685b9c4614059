"""GradScaler: thresholds are of unscaled norms, overflow is the scaler's business, nothing scaled twice."""

from __future__ import annotations

import math

import pytest
import torch

from surefoot.clipping import AdaptiveGradientClip, AutoClip, ClipByNorm, ClipByValue

from .problems import frozen, make_parameters, random_gradients, same, set_gradients

PLACES = pytest.mark.parametrize("place", ["host", "device"])
FUSED = pytest.mark.parametrize("fused", [True, False])
UNSCALE = pytest.mark.parametrize("unscale", [True, False])
GLOBAL = "all gradients"


def scaled_step(scaler, optimizer, parameters, gradients, unscale):
    set_gradients(parameters, [g * scaler.get_scale() for g in gradients])
    scaler.scale(torch.ones(()))  # as a training does: creates the scale
    if unscale:
        scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()


@PLACES
@FUSED
@UNSCALE
@pytest.mark.parametrize("kind", ["AutoClip", "AutoClip parameter", "ClipByValue", "AGC"])
def test_same_training_with_and_without_a_scaler(place, fused, unscale, kind):
    make = {
        "AutoClip": lambda: AutoClip(20, threshold_on=place),
        "AutoClip parameter": lambda: AutoClip(20, scope="parameter", threshold_on=place),
        "ClipByValue": lambda: ClipByValue(0.5, threshold_on=place),
        "AGC": lambda: AdaptiveGradientClip(0.3, threshold_on=place),
    }[kind]
    finals, results = [], []
    for scaled in (True, False):
        parameters = make_parameters()
        optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, fused=fused)
        clipper = make().attach(optimizer)
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=4, enabled=scaled)
        told = []
        for gradients in random_gradients(parameters, 12):
            scaled_step(scaler, optimizer, parameters, gradients, unscale and scaled)
            told.append([float(clipper.last.norm), float(clipper.last.factor), *clipper.last.norms.tolist()])
            assert "grad_scale" not in vars(optimizer)
            assert "found_inf" not in vars(optimizer)
        finals.append([p.detach() for p in parameters])
        results.append(told)
    torch.testing.assert_close(torch.tensor(results[0]), torch.tensor(results[1]), rtol=1e-5, atol=1e-6)
    for first, second in zip(*finals, strict=True):
        torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


@PLACES
@FUSED
@UNSCALE
@pytest.mark.parametrize("nonfinite", ["skip", "zero", "raise", "propagate"])
@pytest.mark.parametrize("first", [True, False])
def test_overflow_is_skipped_rescaled_and_never_recorded(place, fused, unscale, nonfinite, first):
    """Also for a fused SGD's first step (trap 5). Nothing is raised: overflow is how a scaler finds its scale."""
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=fused)
    clipper = AutoClip(nonfinite=nonfinite, max_consecutive_skips=0, threshold_on=place).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    gradients = random_gradients(parameters, 4)
    if not first:
        scaled_step(scaler, optimizer, parameters, gradients[0], unscale)
    for _ in range(3):
        before = frozen(parameters, optimizer)
        bad = [g.clone() for g in gradients[1]]
        bad[0][0, 0] = math.inf
        scale = scaler.get_scale()
        scaled_step(scaler, optimizer, parameters, bad, unscale)
        assert same(frozen(parameters, optimizer), before)
        assert scaler.get_scale() == scale / 2
    scaled_step(scaler, optimizer, parameters, gradients[2], unscale)
    held = clipper.state_dict()["histories"][GLOBAL]
    assert len(held) == (1 if first else 2)
    assert all(torch.isfinite(p).all() for p in parameters)
    assert all(torch.isfinite(s["momentum_buffer"]).all() for s in optimizer.state.values())


@PLACES
def test_a_found_inf_of_two_devices_still_skips(place):
    """Trap 4: kernels skip only at exactly 1.0, and GradScaler adds the flags of its devices up."""
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=True)
    AutoClip(threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 2)
    set_gradients(parameters, gradients[0])
    optimizer.step()
    before = frozen(parameters, optimizer)
    gradients[1][0][0, 0] = math.nan
    set_gradients(parameters, gradients[1])
    optimizer.grad_scale, optimizer.found_inf = torch.tensor(1024.0), torch.tensor(2.0)
    optimizer.step()
    assert same(frozen(parameters, optimizer), before)
    assert float(optimizer.found_inf) == 2.0  # what was there is there again


@FUSED
def test_scaled_gradients_are_not_stepped_with(fused):
    """A wrapper that hides a fused optimizer from GradScaler once made a 1024 times larger update."""
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=fused)
    ClipByNorm(1e9).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    gradients = random_gradients(parameters, 1)[0]
    before = [p.detach().clone() for p in parameters]
    scaled_step(scaler, optimizer, parameters, gradients, unscale=False)
    for p, old, g in zip(parameters, before, gradients, strict=True):
        torch.testing.assert_close(p.detach(), old - g, rtol=1e-6, atol=1e-6)


@PLACES
def test_scaled_norms_beyond_float32_squares(place):
    weight = torch.nn.Parameter(torch.zeros(100))
    optimizer = torch.optim.SGD([weight], lr=1.0, fused=True)
    clipper = ClipByNorm(1e14, threshold_on=place).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    scaled_step(scaler, optimizer, [weight], [torch.full((100,), 1e15)], unscale=False)
    assert float(clipper.last.norm) == pytest.approx(1e16, rel=1e-5)
    torch.testing.assert_close(weight.detach(), torch.full((100,), -1e13), rtol=1e-5, atol=0)
