"""The fused path and its traps: grad_scale is lent for one step, and never where it is not safe."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from surefoot.clipping import AutoClip, ClipByNorm

from .problems import (
    batches,
    loss_of,
    make_model,
    make_parameters,
    random_gradients,
    same,
    set_gradients,
    train,
)

FUSED = {
    "AdamW": lambda p, **k: torch.optim.AdamW(p, lr=1e-2, **k),
    "Adam amsgrad": lambda p, **k: torch.optim.Adam(p, lr=1e-2, amsgrad=True, weight_decay=0.1, **k),
    "SGD": lambda p, **k: torch.optim.SGD(p, lr=1e-2, **k),
    "SGD momentum": lambda p, **k: torch.optim.SGD(
        p, lr=1e-2, momentum=0.9, nesterov=True, weight_decay=0.1, **k
    ),
    "Adagrad": lambda p, **k: torch.optim.Adagrad(p, lr=1e-2, **k),
}
PLAIN = {
    name: getattr(torch.optim, name)
    for name in (
        "NAdam",
        "RAdam",
        "RMSprop",
        "Adafactor",
        "Adamax",
        "Adadelta",
        "ASGD",
        "Rprop",
        "SGD",
        "AdamW",
    )
}
PLACES = pytest.mark.parametrize("place", ["host", "device"])


def spy(optimizer):
    """What the step sees of the two attributes; registered after the clipper, so it runs after it."""
    seen = []
    optimizer.register_step_pre_hook(
        lambda o, a, k: seen.append((o.__dict__.get("grad_scale"), o.__dict__.get("found_inf")))
    )
    return seen


@PLACES
@pytest.mark.parametrize("name", FUSED)
def test_agrees_with_clip_then_step_over_30_steps(name, place):
    finals = []
    for fused in (True, False):
        model = make_model()
        optimizer = FUSED[name](model.parameters(), fused=True)
        clipper = AutoClip(10, threshold_on=place)
        if fused:
            clipper.attach(optimizer)
            assert "grad_scale" in clipper.describe()
        for batch in batches(30):
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            if not fused:
                clipper(model.parameters())
            optimizer.step()
        finals.append([p.detach() for p in model.parameters()])
    for first, second in zip(*finals, strict=True):
        assert float((first - second).abs().max() / second.abs().max()) < 1e-6


@PLACES
@pytest.mark.parametrize("name", FUSED)
def test_factor_travels_as_a_float32_tensor_and_leaves_nothing_behind(name, place):
    """Traps 1 and 3: the type, and the restoring by presence."""
    parameters = make_parameters()
    optimizer = FUSED[name](parameters, fused=True)
    ClipByNorm(1e-3, threshold_on=place).attach(optimizer)
    seen = spy(optimizer)
    for gradients in random_gradients(parameters, 3):
        set_gradients(parameters, gradients)
        optimizer.step()
        assert "grad_scale" not in vars(optimizer)
        assert "found_inf" not in vars(optimizer)
    for scale, _ in seen:
        assert scale.dtype == torch.float32
        assert scale.shape == ()
        assert float(scale) > 1


def test_what_was_there_before_is_there_again():
    """Trap 3: None stays None, absent stays absent."""
    parameters = make_parameters()
    optimizer = torch.optim.AdamW(parameters, lr=0.1, fused=True)
    ClipByNorm(1e-3).attach(optimizer)
    optimizer.grad_scale, optimizer.found_inf = None, None
    set_gradients(parameters, random_gradients(parameters, 1)[0])
    optimizer.step()
    assert vars(optimizer)["grad_scale"] is None
    assert vars(optimizer)["found_inf"] is None


class Boom(Exception):
    pass


def test_a_step_that_raises_leaks_nothing_into_later_steps():
    """Trap 3: a leaked value would multiply into the next step, or into GradScaler's."""
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=True)
    clipper = ClipByNorm(1.0).attach(optimizer)

    def boom(*_):
        raise Boom

    handle = optimizer.register_step_pre_hook(boom)
    gradients = random_gradients(parameters, 1)[0]
    set_gradients(parameters, gradients)
    with pytest.raises(Boom):
        optimizer.step()
    handle.remove()
    before = [p.detach().clone() for p in parameters]
    small = [g * (0.5 / float(clipper.last.norm)) for g in gradients]
    set_gradients(parameters, small)
    optimizer.step()
    for p, old, g in zip(parameters, before, small, strict=True):
        assert torch.equal(p, old - g)
    # And detach gives back what a failed step still holds.
    handle = optimizer.register_step_pre_hook(boom)
    set_gradients(parameters, gradients)
    with pytest.raises(Boom):
        optimizer.step()
    clipper.detach()
    assert "grad_scale" not in vars(optimizer)


def test_grad_scaler_after_a_step_that_raised_is_not_multiplied():
    parameters = make_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1.0, fused=True)
    ClipByNorm(1.0).attach(optimizer)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def boom(*_):
        raise Boom

    handle = optimizer.register_step_pre_hook(boom)
    gradients = random_gradients(parameters, 1)[0]
    set_gradients(parameters, gradients)
    with pytest.raises(Boom):
        optimizer.step()
    handle.remove()
    before = [p.detach().clone() for p in parameters]
    small = [g * 1e-3 for g in gradients]
    set_gradients(parameters, [g * 1024 for g in small])
    scaler.scale(torch.ones(()))
    scaler.step(optimizer)
    for p, old, g in zip(parameters, before, small, strict=True):
        torch.testing.assert_close(p.detach(), old - g, rtol=1e-6, atol=1e-7)


@PLACES
@pytest.mark.parametrize("name", PLAIN)
def test_optimizers_without_a_fused_kernel_never_see_grad_scale(name, place):
    """Trap 2: they assert when it is set."""
    parameters = make_parameters()
    optimizer = PLAIN[name](parameters, lr=1e-3)
    clipper = ClipByNorm(1e-3, threshold_on=place).attach(optimizer)
    seen = spy(optimizer)
    for gradients in random_gradients(parameters, 3):
        set_gradients(parameters, gradients)
        optimizer.step()
        assert float(torch.stack([p.grad.norm() for p in parameters]).norm()) == pytest.approx(1e-3, rel=1e-5)
    assert seen == [(None, None)] * 3
    assert "in place" in clipper.describe()


def test_torch_muon_works():
    weight = torch.nn.Parameter(torch.randn(4, 3))
    optimizer = torch.optim.Muon([weight], lr=1e-2)
    clipper = ClipByNorm(1e-3).attach(optimizer)
    weight.grad = torch.randn(4, 3)
    optimizer.step()
    assert float(weight.grad.norm()) == pytest.approx(1e-3, rel=1e-5)
    assert "Muon has no fused kernel" in clipper.describe()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_on_the_cpu_is_scaled_in_place(dtype):
    """Trap 6: torch's fused CPU kernels skip entries of half-precision tensors."""
    parameter = torch.nn.Parameter(torch.zeros(1000, dtype=dtype))
    optimizer = torch.optim.SGD([parameter], lr=1.0, fused=True)
    clipper = ClipByNorm(1.0).attach(optimizer)
    seen = spy(optimizer)
    parameter.grad = torch.ones(1000, dtype=dtype)
    optimizer.step()
    assert seen == [(None, None)]
    torch.testing.assert_close(parameter.grad.float(), torch.full((1000,), 1000**-0.5), rtol=1e-2, atol=0)
    assert "half-precision" in clipper.describe()


def test_fused_is_never_switched_on_for_the_user():
    for fused in (None, False):
        model = make_model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=fused)
        before = copy.deepcopy(
            [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        )
        with AutoClip().attach(optimizer) as clipper:
            train(model, optimizer, batches(5))
            assert "without fused=True" in clipper.describe()
        after = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
        assert before == after


def test_only_some_groups_fused_is_scaled_in_place():
    parameters = make_parameters()
    groups = [{"params": parameters[:2], "fused": True}, {"params": parameters[2:], "fused": False}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2)
    clipper = ClipByNorm(1e-3).attach(optimizer)
    seen = spy(optimizer)
    set_gradients(parameters, random_gradients(parameters, 1)[0])
    optimizer.step()
    assert seen == [(None, None)]
    assert "in place" in clipper.describe()


class OwnStep(torch.optim.AdamW):
    def step(self, closure=None):
        self.seen = [p.grad.clone() for group in self.param_groups for p in group["params"]]
        return super().step(closure)


def test_a_subclass_that_reads_its_gradients_sees_clipped_ones():
    parameters = make_parameters()
    optimizer = OwnStep(parameters, lr=1e-2, fused=True)
    ClipByNorm(1e-3).attach(optimizer)
    set_gradients(parameters, random_gradients(parameters, 1)[0])
    optimizer.step()
    assert float(torch.stack([g.norm() for g in optimizer.seen]).norm()) == pytest.approx(1e-3, rel=1e-5)


def test_the_optimizers_checkpoint_pickle_and_deepcopy_are_unaffected():
    results = []
    for clip in (True, False):
        model = make_model()
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
        if clip:
            AutoClip(100).attach(optimizer)
        train(model, optimizer, batches(5))
        again = pickle.loads(pickle.dumps(optimizer))
        deep = copy.deepcopy(optimizer)
        results.append((optimizer.state_dict(), again.state_dict(), deep.state_dict(), sorted(vars(deep))))
    assert same(results[0], results[1])
    assert same(results[0][0], results[0][1])


def test_loading_an_optimizer_checkpoint_keeps_the_clipper():
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, fused=True)
    clipper = AutoClip().attach(optimizer)
    train(model, optimizer, batches(4))
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(model, optimizer, batches(4))
    assert len(clipper.state_dict()["histories"]["all gradients"]) == 8
