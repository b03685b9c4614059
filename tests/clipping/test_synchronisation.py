"""No clipped step brings a number to the host: nothing dispatches `aten::_local_scalar_dense`."""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from surefoot.clipping import AdaGC, AdaptiveGradientClip, AutoClip, ClipByNorm, ClipByValue, ZClip
from surefoot.clipping.skipping import LateNumber
from surefoot.norms import global_norm, per_parameter_norms

from .problems import batches, loss_of, make_model

CLIPPERS = {
    "AutoClip": AutoClip,
    "AutoClip window": lambda **k: AutoClip(window=3, **k),
    "AutoClip parameter": lambda **k: AutoClip(scope="parameter", **k),
    "ClipByNorm": lambda **k: ClipByNorm(1e-3, **k),
    "ClipByValue": lambda **k: ClipByValue(1e-3, **k),
    "AGC": AdaptiveGradientClip,
    "AdaGC": lambda **k: AdaGC(warmup=2, **k),
    "AutoClip streaming": lambda **k: AutoClip(history="streaming", **k),
    "AutoClip, spikes left out": lambda **k: AutoClip(skip_above=5.0, **k),
    "ZClip": lambda **k: ZClip(warmup=2, **k),
}


class Synchronisations(TorchDispatchMode):
    """Counts operations that bring a number to the host."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.operations = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.operations += 1
        self.count += operation in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.equal.default)
        return operation(*args, **(kwargs or {}))


def test_the_counter_counts():
    with Synchronisations() as seen:
        torch.ones(()).item()
        float(torch.ones(()))
        bool(torch.ones(()) > 0)
    assert seen.count == 3


@pytest.mark.parametrize("place", ["host", "device"])
@pytest.mark.parametrize("nonfinite", ["skip", "zero", "raise", "propagate"])
@pytest.mark.parametrize("name", CLIPPERS)
@pytest.mark.parametrize("optimizer", ["SGD", "AdamW fused", "SGD fused"])
def test_no_step_synchronises(name, place, nonfinite, optimizer):
    model = make_model()
    optimizer = {
        "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
        "AdamW fused": lambda p: torch.optim.AdamW(p, lr=0.1, fused=True),
        "SGD fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, fused=True),
    }[optimizer](model.parameters())
    clipper = CLIPPERS[name](threshold_on=place, nonfinite=nonfinite).attach(optimizer)
    with Synchronisations() as seen:
        for batch in batches(5):
            optimizer.zero_grad()
            loss_of(model, batch).backward()
            optimizer.step()
            result = clipper.last
            # Reading the telemetry synchronises no more than clipping does.
            torch.stack([result.norm, result.threshold, result.factor])
            result.norms  # noqa: B018
    assert seen.operations > 50
    assert seen.count == 0


@pytest.mark.parametrize("name", CLIPPERS)
@pytest.mark.parametrize("fused", [True, False])
def test_after_its_first_step_the_device_design_reads_nothing_on_the_host(name, fused, monkeypatch):
    """On a CPU `tensor.cpu().numpy()` dispatches nothing, so the ways to the host themselves are closed."""
    model = make_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=torch.tensor(0.1), fused=fused)
    CLIPPERS[name](threshold_on="device").attach(optimizer)
    monkeypatch.setattr(LateNumber, "read", lambda self, wait=False: None)  # reads only what has arrived

    def closed(*_, **__):
        raise AssertionError("a number was read on the host")

    for i, batch in enumerate(batches(4)):
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        with monkeypatch.context() as context:
            if i:
                optimizer.register_step_pre_hook(lambda *_: context.undo())  # torch's own step may read
                for way in ("cpu", "numpy", "tolist", "item", "__bool__", "__float__", "__int__"):
                    context.setattr(torch.Tensor, way, closed)
            optimizer.step()


@pytest.mark.parametrize("place", ["host", "device"])
def test_no_call_by_hand_synchronises(place):
    model = make_model()
    clipper = AutoClip(threshold_on=place)
    with Synchronisations() as seen:
        for batch in batches(3):
            model.zero_grad()
            loss_of(model, batch).backward()
            clipper(model.parameters())
    assert seen.count == 0


def test_norms_do_not_synchronise():
    gradients = [torch.randn(3), torch.randn(2, 2).bfloat16(), torch.randn(4).double()]
    with Synchronisations() as seen:
        global_norm(per_parameter_norms(gradients))
    assert seen.count == 0


def test_the_plain_case_is_one_norm_and_one_stack():
    gradients = [torch.randn(3, 2), torch.randn(2)]
    operations = []

    class Names(TorchDispatchMode):
        def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
            operations.append(str(operation))
            return operation(*args, **(kwargs or {}))

    with Names():
        per_parameter_norms(gradients)
    assert operations == ["aten._foreach_norm.Scalar", "aten.stack.default"]
