"""Faults measured in other clippers, each shown absent here; longer tests of the same matters are named."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.clipping import AdaGC, AdaptiveGradientClip, AutoClip, ClipByNorm, ClipByValue, ZClip

from .problems import batches, loss_of, make_model, train

ALL = {
    "AutoClip": lambda: AutoClip(90),
    "AutoClip window": lambda: AutoClip(90, window=1000),
    "AutoClip parameter": lambda: AutoClip(90, scope="parameter"),
    "ClipByNorm": lambda: ClipByNorm(1.0),
    "ClipByValue": lambda: ClipByValue(1.0),
    "AGC": AdaptiveGradientClip,
    "AdaGC": lambda: AdaGC(warmup=1),
    "ZClip": lambda: ZClip(warmup=1),
}


def clip(clipper, *norms):
    weight = nn.Parameter(torch.zeros(1))
    out = []
    for norm in norms:
        weight.grad = torch.tensor([float(norm)])
        clipper([weight])
        out.append(float(weight.grad.abs()))
    return out


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_one_bad_gradient_does_not_poison_the_later_ones(name, bad):
    """pseeth/autoclip, autoclip's window and ZClip's running mean stay NaN for ever."""
    clean, spoiled = ALL[name](), ALL[name]()
    assert clip(clean, 2, 1, 3, 2)[-2:] == clip(spoiled, 2, 1, bad, 3, 2)[-2:]


@pytest.mark.parametrize("name", ALL)
def test_the_second_step_is_finite(name):
    """autoclip's standard-deviation clipper divides by the deviation of one value."""
    assert all(map(math.isfinite, clip(ALL[name](), 1, 1, 1, 2)))


def test_the_threshold_is_not_one_step_late():
    """autoclip clips by a history without the current norm; the paper's holds it."""
    assert clip(AutoClip(50), 1, 3) == [1, 2]


def test_thresholds_may_be_below_one():
    """gradientnorm-autoclipper never clips below a norm of 1."""
    assert clip(AutoClip(0), 1e-3, 5e-3)[1] == pytest.approx(1e-3)


def test_percentiles_are_not_estimates():
    """Both of smartclip's streaming estimators are wrong; see test_history for any percentile and length."""
    norms = np.exp(np.random.default_rng(0).normal(size=500)).astype(np.float32).astype(float)
    clipper = AutoClip(95)
    clip(clipper, *norms)
    assert clipper.last.host[1] == np.percentile(norms, 95)


def test_step_is_not_replaced_and_the_optimizer_stays_itself():
    """smartclip patches step, autoclip and gradientnorm-autoclipper wrap or subclass the optimizer."""
    optimizer = torch.optim.AdamW(make_model().parameters())
    before = set(vars(optimizer)), type(optimizer), optimizer.step.__func__
    with AutoClip().attach(optimizer):
        assert (set(vars(optimizer)), type(optimizer), optimizer.step.__func__) == before
        assert isinstance(pickle.loads(pickle.dumps(optimizer)), torch.optim.AdamW)
        assert isinstance(copy.deepcopy(optimizer), torch.optim.AdamW)


def test_a_closure_is_clipped_after_it_has_run():
    """autoclip's wrapper clips first, when the gradients are still those of the step before."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    ClipByNorm(1.0).attach(optimizer)

    def closure():
        optimizer.zero_grad()
        (weight * 100).sum().backward()

    optimizer.step(closure)
    assert float(weight) == -1


def test_a_clipped_training_resumes():
    """pseeth's and ZClip's state is lost at a checkpoint; see test_clippers for all clippers, bitwise."""
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    clipper = AutoClip().attach(optimizer)
    train(model, optimizer, batches(5))
    again = AutoClip()
    again.load_state_dict(clipper.state_dict())
    assert clip(again, 1.0) == clip(copy.deepcopy(clipper), 1.0)


def test_the_norm_is_at_hand_without_computing_it_again():
    """optax#326: the norm is hard to log; pseeth's code computes it twice."""
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    clipper = AutoClip().attach(optimizer)
    loss_of(model, batches(1)[0]).backward()
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm()
    optimizer.step()
    assert clipper.last.host[0] == pytest.approx(float(norm), rel=1e-6)
