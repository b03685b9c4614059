"""Each clipper against its slow reference, on every path, and what all of them promise."""

from __future__ import annotations

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from reference.clipping import (
    SlowAdaGC,
    SlowAdaptiveGradientClip,
    SlowAutoClip,
    SlowClipByNorm,
    SlowClipByValue,
    SlowStreamingClip,
    SlowZClip,
)
from surefoot.clipping import (
    AdaGC,
    AdaptiveGradientClip,
    AutoClip,
    ClipByNorm,
    ClipByValue,
    ClipResult,
    ZClip,
)
from surefoot.clipping.streaming import StreamingHistory
from surefoot.errors import ClippingError, SettingError

from .problems import make_parameters, random_gradients, same, set_gradients

# name: how to make it, the slow reference, gradients' spread
TABLE = {
    "AutoClip": (lambda **k: AutoClip(30, **k), lambda: SlowAutoClip(30), 1.0),
    "AutoClip window": (lambda **k: AutoClip(30, window=7, **k), lambda: SlowAutoClip(30, 7), 1.0),
    "AutoClip streaming": (
        lambda **k: AutoClip(30, history="streaming", **k),
        lambda: SlowStreamingClip(30),
        1.0,
    ),
    "AdaGC": (lambda **k: AdaGC(warmup=5, **k), lambda: SlowAdaGC(1.05, 0.98, 5, 1.0), 1.0),
    "ClipByNorm": (lambda **k: ClipByNorm(4.0, **k), lambda: SlowClipByNorm(4.0), 1.0),
    "ClipByValue": (lambda **k: ClipByValue(0.7, **k), lambda: SlowClipByValue(0.7), 1.0),
    "AGC": (lambda **k: AdaptiveGradientClip(0.5, **k), lambda: SlowAdaptiveGradientClip(0.5, 1e-3), 1.0),
    "ZClip": (lambda **k: ZClip(2.0, warmup=5, **k), lambda: SlowZClip(2.0, 0.97, 5), 0.7),
}
CLIPPERS = pytest.mark.parametrize("name", TABLE)
PLACES = pytest.mark.parametrize("place", ["host", "device"])


@CLIPPERS
@PLACES
@pytest.mark.parametrize("way", ["fused", "plain", "by hand"])
def test_agrees_with_the_slow_reference(name, place, way):
    make, make_slow, spread = TABLE[name]
    parameters = make_parameters()
    clipper, slow = make(threshold_on=place), make_slow()
    # SGD with rate 1 makes the update the clipped gradient itself.
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=way == "fused")
    if way != "by hand":
        clipper.attach(optimizer)
    clipped = 0
    for gradients in random_gradients(parameters, 40, spread=spread):
        before = [p.detach().double().numpy().copy() for p in parameters]
        set_gradients(parameters, gradients)
        if way == "by hand":
            clipper(parameters)
        optimizer.step()
        want = slow.clip(before, [g.double().numpy() for g in gradients])
        for p, old, expected in zip(parameters, before, want, strict=True):
            np.testing.assert_allclose(old - p.detach().double().numpy(), expected, rtol=3e-5, atol=2e-5)
        clipped += float(clipper.last.factor) < 1
    assert clipped
    assert clipped < 40 or name in (
        "ClipByValue",
        "AGC",
        "AdaGC",
    )  # of many units, one is clipped in each step


NEVER = {
    "AutoClip": lambda **k: AutoClip(100, **k),
    "AutoClip window": lambda **k: AutoClip(100, window=5, **k),
    "AdaGC": lambda **k: AdaGC(1e6, warmup=20, max_norm=1e6, **k),
    "ClipByNorm": lambda **k: ClipByNorm(1e6, **k),
    "ClipByValue": lambda **k: ClipByValue(1e6, **k),
    "AGC": lambda **k: AdaptiveGradientClip(1e6, **k),
    "ZClip": lambda **k: ZClip(1e6, warmup=50, **k),
}


@pytest.mark.parametrize("name", NEVER)
@PLACES
@pytest.mark.parametrize("fused", [True, False])
def test_bitwise_no_op_when_nothing_is_clipped(name, place, fused):
    make = NEVER[name]
    results = []
    for clip in (True, False):
        parameters = make_parameters()
        optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=fused)
        if clip:
            make(threshold_on=place).attach(optimizer)
        for gradients in random_gradients(parameters, 15, spread=0.3):
            set_gradients(parameters, gradients)
            optimizer.step()
        results.append([p.detach() for p in parameters])
    assert same(*results)


@CLIPPERS
@pytest.mark.parametrize("fused", [True, False])
def test_deterministic_and_the_same_on_host_and_device(name, fused):
    make, _, spread = TABLE[name]
    finals, factors = [], []
    for place in ("host", "host", "device"):
        parameters = make_parameters()
        optimizer = torch.optim.AdamW(parameters, lr=0.01, fused=fused)
        clipper = make(threshold_on=place).attach(optimizer)
        seen = []
        for gradients in random_gradients(parameters, 30, spread=spread):
            set_gradients(parameters, gradients)
            optimizer.step()
            seen.append([float(x) for x in (clipper.last.norm, clipper.last.threshold, clipper.last.factor)])
        finals.append([p.detach() for p in parameters])
        factors.append(seen)
    assert same(finals[0], finals[1])
    np.testing.assert_allclose(factors[0], factors[2], rtol=2e-6)
    for first, second in zip(finals[0], finals[2], strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)


@CLIPPERS
@PLACES
@pytest.mark.parametrize("way", ["state_dict", "pickle", "deepcopy"])
def test_resumes_bitwise(name, place, way):
    make, _, spread = TABLE[name]
    gradients = random_gradients(make_parameters(), 40, spread=spread)

    def run(clipper, parameters, part):
        seen = []
        for step in part:
            set_gradients(parameters, step)
            clipper(parameters)
            seen.append([p.grad.clone() for p in parameters])
        return seen

    parameters = make_parameters()
    first = make(threshold_on=place)
    run(first, parameters, gradients[:21])
    if way == "state_dict":
        buffer = io.BytesIO()
        torch.save(first.state_dict(), buffer)
        buffer.seek(0)
        second = make(threshold_on=place)
        second.load_state_dict(torch.load(buffer, weights_only=True))
    elif way == "pickle":
        second = pickle.loads(pickle.dumps(first))
    else:
        second = copy.deepcopy(first)
    assert same(run(first, parameters, gradients[21:]), run(second, parameters, gradients[21:]))


@CLIPPERS
def test_checkpoint_is_free_of_devices_and_crosses_designs(name):
    make, _, spread = TABLE[name]
    parameters = make_parameters()
    gradients = random_gradients(parameters, 40, spread=spread)
    on_device, on_host = make(threshold_on="device"), make(threshold_on="host")
    for step in gradients[:20]:
        set_gradients(parameters, step)
        on_device(parameters)
    state = on_device.state_dict()
    on_host.load_state_dict(state)
    for value in state.get("histories", {}).values():
        assert value.device.type == "cpu"
        assert value.dtype == torch.float64
    for step in gradients[20:]:
        set_gradients(parameters, step)
        want = float(on_device(parameters).factor)
        set_gradients(parameters, step)
        assert float(on_host(parameters).factor) == pytest.approx(want, rel=1e-6)


@CLIPPERS
def test_result_tells_norms_of_the_parameters_before_clipping(name):
    make, _, _ = TABLE[name]
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    clipper = make().attach(optimizer)
    gradients = random_gradients(parameters, 1)[0]
    gradients[1] = None
    set_gradients(parameters, gradients)
    optimizer.step()
    result = clipper.last
    assert isinstance(result, ClipResult)
    held = [p for i, p in enumerate(parameters) if i != 1]
    assert all(a is b for a, b in zip(result.parameters, held, strict=True))
    want = torch.stack([g.norm() for g in gradients if g is not None])
    torch.testing.assert_close(result.norms, want)
    torch.testing.assert_close(result.norm, want.double().norm(), rtol=1e-6, atol=0)
    assert result.norm.shape == result.factor.shape == result.threshold.shape == ()
    assert 0 < float(result.factor) <= 1
    assert result.skipped is False


@pytest.mark.parametrize("scope", ["global", "group", "module", "parameter"])
@PLACES
def test_scopes_have_a_history_each(scope, place):
    names = ["a.weight", "a.bias", "b.weight", "b.scale"]
    units = {
        "global": [0, 0, 0, 0],
        "group": [0, 1, 1, 1],
        "module": [0, 0, 1, 1],
        "parameter": [0, 1, 2, 3],
    }[scope]
    parameters = make_parameters()
    named = list(zip(names, parameters, strict=True))
    optimizer = torch.optim.SGD([{"params": named[:1]}, {"params": named[1:]}], lr=1.0)
    clipper = AutoClip(40, scope=scope, threshold_on=place).attach(optimizer)
    slow = [SlowAutoClip(40) for _ in range(max(units) + 1)]
    for i, gradients in enumerate(random_gradients(parameters, 25)):
        if i % 3 == 1:
            gradients[2] = None  # its unit learns nothing from this step
        before = [p.detach().clone() for p in parameters]
        set_gradients(parameters, gradients)
        optimizer.step()
        for unit, reference in enumerate(slow):
            members = [j for j in range(4) if units[j] == unit and gradients[j] is not None]
            if not members:
                continue
            factor = reference.factor([gradients[j].numpy() for j in members])
            for j in members:
                got = before[j] - parameters[j].detach()
                torch.testing.assert_close(got, gradients[j] * factor, rtol=1e-4, atol=1e-5)
    assert len(clipper.state_dict()["histories"]) == max(units) + 1


def test_scope_by_module_needs_names():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(torch.ones(1, 2)).sum().backward()
    with (
        AutoClip(scope="module").attach(optimizer),
        pytest.raises(ClippingError, match="attach\\(optimizer, model"),
    ):
        optimizer.step()
    with AutoClip(scope="module").attach(optimizer, model) as clipper:
        optimizer.step()
        assert set(clipper.state_dict()["histories"]) == {"0", "1"}


def test_scope_by_group_needs_an_optimizer():
    parameter = torch.nn.Parameter(torch.ones(1))
    parameter.grad = torch.ones(1)
    with pytest.raises(ClippingError, match="attach"):
        AutoClip(scope="group")([parameter])


@pytest.mark.parametrize("fused", [True, False])
@CLIPPERS
def test_groups_with_clip_false_are_left_alone(name, fused):
    make, _, _ = TABLE[name]
    parameters = make_parameters()
    groups = [{"params": parameters[:2]}, {"params": parameters[2:], "clip": False}]
    optimizer = torch.optim.SGD(groups, lr=1.0, fused=fused)
    clipper = make().attach(optimizer)
    for gradients in random_gradients(parameters, 12):
        before = [p.detach().clone() for p in parameters]
        set_gradients(parameters, gradients)
        optimizer.step()
        for p, old, g in list(zip(parameters, before, gradients, strict=True))[2:]:
            assert same(p.detach(), torch.sub(old, g))
        assert len(clipper.last.parameters) == 2


WRONG = [
    (lambda: AutoClip(-1), "percentile=-1"),
    (lambda: AutoClip(101), "outside \\[0, 100\\]"),
    (lambda: AutoClip(float("nan")), "percentile=nan"),
    (lambda: AutoClip(window=0), "window=0"),
    (lambda: AutoClip(scope="layer"), "scope='layer'"),
    (lambda: AutoClip(nonfinite="ignore"), "nonfinite='ignore'"),
    (lambda: AutoClip(max_consecutive_skips=-1), "max_consecutive_skips=-1"),
    (lambda: AutoClip(threshold_on="gpu"), "threshold_on='gpu'"),
    (lambda: ClipByNorm(0), "max_norm=0"),
    (lambda: ClipByNorm(float("inf")), "max_norm=inf"),
    (lambda: ClipByValue(-1), "max_value=-1"),
    (lambda: AdaptiveGradientClip(0), "clipping=0"),
    (lambda: AdaptiveGradientClip(eps=0), "eps=0"),
    (lambda: AutoClip(100, history="streaming"), "between 0 and 100"),
    (lambda: AutoClip(history="streaming", window=5), "window=5"),
    (lambda: AutoClip(history="short"), "history='short'"),
    (lambda: AutoClip(skip_above=1), "skip_above=1"),
    (lambda: AutoClip(skip_above=5, skip_in_a_row=0), "skip_in_a_row=0"),
    (lambda: AdaGC(0), "relative=0"),
    (lambda: AdaGC(decay=1), "decay=1"),
    (lambda: AdaGC(warmup=0), "warmup=0"),
    (lambda: AdaGC(max_norm=-1), "max_norm=-1"),
    (lambda: AdaGC(scope="global"), "scope"),
    (lambda: ZClip(0), "z_threshold=0"),
    (lambda: ZClip(decay=1), "decay=1"),
    (lambda: ZClip(warmup=0), "warmup=0"),
    (lambda: ZClip(max_norm=-2), "max_norm=-2"),
    (lambda: ZClip(scope="group"), "scope"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_settings_are_one_clear_sentence(make, message):
    with pytest.raises(SettingError, match=message) as caught:
        make()
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


def test_wrong_states_are_refused():
    with pytest.raises(ClippingError, match="ClipByNorm"):
        AutoClip().load_state_dict(ClipByNorm(1.0).state_dict())
    with pytest.raises(ClippingError, match="window=5"):
        AutoClip().load_state_dict(AutoClip(window=5).state_dict())
    with pytest.raises(ClippingError, match="scope"):
        AutoClip().load_state_dict(AutoClip(scope="parameter").state_dict())


def test_clone_has_the_settings_and_nothing_learned():
    clipper = AutoClip(20, window=9, scope="parameter", nonfinite="zero")
    parameters = make_parameters()
    set_gradients(parameters, random_gradients(parameters, 1)[0])
    clipper(parameters)
    clone = clipper.clone()
    assert repr(clone) == repr(clipper)
    assert clone.state_dict()["histories"] == {}


@pytest.mark.parametrize("place", ["host", "device"])
def test_zero_gradients_are_no_division_by_zero(place):
    for make, _, _ in TABLE.values():
        parameters = make_parameters()
        clipper = make(threshold_on=place)
        for _ in range(3):
            set_gradients(parameters, [torch.zeros_like(p) for p in parameters])
            result = clipper(parameters)
            assert float(result.factor) == 1
            assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in parameters)


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("fused", [True, False])
def test_a_threshold_of_exactly_zero_stops_the_step(place, fused):
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=fused)
    AutoClip(0, threshold_on=place).attach(optimizer)
    set_gradients(parameters, [torch.zeros_like(p) for p in parameters])
    optimizer.step()
    before = [p.detach().clone() for p in parameters]
    set_gradients(parameters, random_gradients(parameters, 1)[0])
    optimizer.step()
    assert all(torch.equal(p, old) for p, old in zip(parameters, before, strict=True))


def test_no_gradients_at_all_is_no_step_to_learn_from():
    clipper = AutoClip()
    result = clipper(make_parameters())
    assert float(result.norm) == 0
    assert clipper.state_dict()["histories"] == {}
    optimizer = torch.optim.SGD(make_parameters(), lr=0.1)
    clipper.attach(optimizer)
    optimizer.step()
    assert clipper.state_dict()["histories"] == {}


def test_zclip_clips_a_spike_of_a_million_in_warmup_and_after():
    parameter = torch.nn.Parameter(torch.zeros(1))
    for at in (3, 40):
        clipper = ZClip()
        for step in range(60):
            norm = 1e6 if step == at else 1.0 + 0.1 * (step % 3)
            parameter.grad = torch.tensor([norm])
            clipper([parameter])
            assert abs(float(parameter.grad)) < 15
            if step == at:
                assert float(clipper.last.factor) < 2e-5
    bounded = ZClip(max_norm=0.5)
    parameter.grad = torch.tensor([2.0])
    assert float(bounded([parameter]).factor) == 0.25


@pytest.mark.parametrize("place", ["host", "device"])
def test_a_unit_that_adagc_meets_late_warms_up_by_itself_and_zero_is_not_remembered(place):
    first, late = torch.nn.Parameter(torch.zeros(1)), torch.nn.Parameter(torch.zeros(1))
    clipper = AdaGC(warmup=3, max_norm=10.0, threshold_on=place)
    for step in range(12):
        first.grad = torch.ones(1)
        late.grad = None if step < 4 else torch.zeros(1) if step < 6 else torch.full((1,), 2.0)
        clipper([first, late])
        if step >= 6:
            assert late.grad.item() == 2.0
    late.grad = torch.full((1,), 50.0)
    clipper([first, late])
    assert late.grad.item() == pytest.approx(2.0 * 1.05)
    assert first.grad.item() == 1.0


@pytest.mark.parametrize("percentile", [10, 50, 90])
@pytest.mark.parametrize("spread", [0.1, 0.3, 1.0])
def test_a_streaming_history_stays_near_the_percentile_of_the_last_norms(percentile, spread):
    """Over norms that fall tenfold; its share of norms below is the percentile within a few points."""
    drawn = np.random.default_rng(3).normal(size=4000)
    norms = np.exp(spread * drawn) * 10 ** (-np.arange(4000) / 4000)
    history = StreamingHistory(percentile)
    thresholds = np.array([history.observe(float(norm)) for norm in norms])
    exact = [np.percentile(norms[at - 200 : at], percentile) for at in range(400, 4000, 50)]
    off = np.abs(np.log(thresholds[399:3999:50] / exact))
    assert np.median(off) < 0.15
    assert abs((norms <= thresholds)[400:].mean() - percentile / 100) < 0.06
    assert len(history.values()) == 2
