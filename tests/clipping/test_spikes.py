"""Steps far above the running median are left out, at most so many in a row, and their places kept."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from surefoot.clipping import AdaGC, AutoClip, ClipByNorm, ClipByValue, ZClip
from surefoot.clipping.spikes import Spikes

from .problems import frozen, make_parameters, random_gradients, same, set_gradients

PLACES = pytest.mark.parametrize("place", ["host", "device"])


def slow(norms: list[float], above: float, in_a_row: int) -> list[bool]:
    """The rule over a plain list."""
    struck: list[bool] = []
    for at, norm in enumerate(norms):
        before = norms[max(0, at - 100) : at]
        row = next((back for back, flag in enumerate(reversed(struck)) if not flag), len(struck))
        struck.append(len(before) >= 10 and norm > above * np.median(before) and row < in_a_row)
    return struck


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from([0.5, 1.0, 1.5, 4.0, 30.0]), max_size=160),
    st.sampled_from([1.5, 3.0, 10.0]),
    st.integers(1, 4),
)
def test_host_and_device_agree_with_the_plain_list(norms, above, in_a_row):
    on_host, on_device = Spikes(above, in_a_row), Spikes(above, in_a_row)
    flags = [on_host.strikes(norm) for norm in norms]
    yes = torch.tensor(True)
    late = [bool(on_device.strikes_on_device(torch.tensor(norm, dtype=torch.float64), yes)) for norm in norms]
    assert flags == late == slow(norms, above, in_a_row)
    assert on_host.places() == on_device.places() == [at for at, flag in enumerate(flags) if flag][-100:]
    assert on_host.count == on_device.count == sum(flags)


@PLACES
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("make", [lambda **k: ClipByNorm(1e6, **k), AutoClip, ZClip, AdaGC])
def test_a_spike_changes_nothing_and_is_not_learned_from(make, place, fused):
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
    clipper = make(skip_above=20.0, threshold_on=place).attach(optimizer)
    gradients = random_gradients(parameters, 30, spread=0.3)
    for at, step in enumerate(gradients):
        set_gradients(parameters, [1000 * g for g in step] if at == 25 else step)
        before = frozen(parameters, optimizer)
        learned = copy.deepcopy({k: v for k, v in clipper.state_dict().items() if k != "spikes"})
        optimizer.step()
        if at == 25:
            assert same(before, frozen(parameters, optimizer))
            now = {k: v for k, v in clipper.state_dict().items() if k != "spikes"}
            assert repr(now) == repr(learned)
            assert bool(clipper.last.skipped)
    assert clipper.spikes.places() == [25]
    assert clipper.spikes.count == 1


@PLACES
def test_by_hand_the_gradients_become_zero(place):
    weight = torch.nn.Parameter(torch.zeros(2))
    clipper = ClipByValue(1e6, skip_above=5.0, threshold_on=place)
    for size in [1.0] * 12 + [50.0]:
        weight.grad = torch.full((2,), size)
        clipper([weight])
    assert bool(clipper.last.skipped)
    assert weight.grad.tolist() == [0.0, 0.0]


@PLACES
def test_a_level_that_rises_for_good_is_followed(place):
    weight = torch.nn.Parameter(torch.zeros(1))
    clipper = ClipByNorm(1e6, skip_above=5.0, skip_in_a_row=3, threshold_on=place)
    taken = []
    for step in range(300):
        weight.grad = torch.full((1,), 1.0 if step < 100 else 100.0)
        clipper([weight])
        taken.append(not bool(clipper.last.skipped))
    assert taken[:100] == [True] * 100
    assert taken[100:104] == [False, False, False, True]
    assert taken[152:] == [True] * 148


@PLACES
def test_it_is_resumed_and_copied(place):
    weight = torch.nn.Parameter(torch.zeros(1))
    norms = [float(n) for n in np.random.default_rng(0).lognormal(0, 1.5, 120)]

    def flags(clipper, part):
        seen = []
        for norm in part:
            weight.grad = torch.full((1,), norm)
            clipper([weight])
            seen.append(bool(clipper.last.skipped))
        return seen

    whole = ClipByNorm(1e6, skip_above=4.0, threshold_on=place)
    expected = flags(whole, norms)
    first = ClipByNorm(1e6, skip_above=4.0, threshold_on=place)
    begun = flags(first, norms[:70])
    second = first.clone()
    second.load_state_dict(first.state_dict())
    assert begun + flags(second, norms[70:]) == expected
    assert sum(expected) > 5
    assert second.spikes.places() == whole.spikes.places()
    assert "skip_above=4.0" in repr(second)
