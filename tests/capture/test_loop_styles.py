# ruff: noqa: B023, closures over a loop's variables are what many scripts have
"""One seeded training in every style of loop: what is recorded of its parameters is the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.facts import Defect, Unmeasured
from surefoot.records import PARAMETER_QUANTITIES, History
from surefoot.report.html import render
from surefoot.report.json import summary
from surefoot.report.text import verdict_text

STEPS = 12
LR = 0.1
Batches = list[tuple[Tensor, Tensor]]
Style = Callable[[nn.Sequential, Batches], Any]
STYLES: dict[str, Style] = {}
BITWISE: set[str] = set()


def style(bitwise: bool = True) -> Callable[[Style], Style]:
    def keep(function: Style) -> Style:
        STYLES[function.__name__] = function
        if bitwise:
            BITWISE.add(function.__name__)
        return function

    return keep


def make() -> tuple[nn.Sequential, Batches]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    inputs = torch.randn(16 * STEPS, 8)
    labels = inputs[:, :3].argmax(1)
    return model, list(zip(inputs.split(16), labels.split(16), strict=True))


def sgd(model: nn.Module, **more: Any) -> torch.optim.SGD:
    return torch.optim.SGD(model.parameters(), LR, **more)


@style()
def plain(model, batches):
    optimizer = sgd(model)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@style()
def closure(model, batches):
    optimizer = sgd(model)
    for x, y in batches:

        def evaluate():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.step(closure=evaluate)


@style()
def closure_that_returns_the_loss_alone(model, batches):
    optimizer = sgd(model)
    for x, y in batches:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step(lambda: loss)


class Closed(torch.optim.SGD):
    """Never calls the closure it is given."""

    def step(self, closure=None):
        super().step()


@style()
def closure_never_called(model, batches):
    sgd(nn.Linear(1, 1))  # from now on the step of the class below it is hooked, too
    optimizer = Closed(model.parameters(), LR)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step(lambda: None)


class Twice(torch.optim.SGD):
    """A step of its own around the one of its class."""

    def step(self, closure=None):
        with torch.no_grad():
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(0)
        return super().step(closure)


@style()
def subclass_with_a_step_of_its_own(model, batches):
    sgd(nn.Linear(1, 1))
    optimizer = Twice(model.parameters(), LR)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@style()
def backward_of_several_losses(model, batches):
    optimizer = sgd(model)
    for x, y in batches:
        optimizer.zero_grad()
        torch.autograd.backward([F.cross_entropy(model(x), y)])
        optimizer.step()


@style()
def not_foreach(model, batches):
    optimizer = sgd(model, foreach=False)
    for x, y in batches:
        optimizer.zero_grad(set_to_none=False)
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


@style(bitwise=False)
def fused(model, batches):
    optimizer = sgd(model, fused=True)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()


def _scaled(model, batches, optimizer):
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**8)
    for x, y in batches:
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        scaler.step(optimizer)
        scaler.update()


@style(bitwise=False)
def grad_scaler(model, batches):
    _scaled(model, batches, sgd(model))


@style(bitwise=False)
def grad_scaler_into_the_fused_kernel(model, batches):
    _scaled(model, batches, sgd(model, fused=True))


@style(bitwise=False)
def accumulation(model, batches):
    optimizer = sgd(model)
    for x, y in batches:
        for part in (slice(8), slice(8, 16)):
            (F.cross_entropy(model(x[part]), y[part]) / 2).backward()
        optimizer.step()
        optimizer.zero_grad()


@style(bitwise=False)
def accumulation_in_a_closure(model, batches):
    optimizer = sgd(model)
    for x, y in batches:

        def evaluate():
            optimizer.zero_grad()
            for part in (slice(8), slice(8, 16)):
                (F.cross_entropy(model(x[part]), y[part]) / 2).backward()

        optimizer.step(evaluate)


@style(bitwise=False)
def compiled_step(model, batches):
    optimizer = sgd(model)
    step = torch.compile(optimizer.step, backend="eager")
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        step()
    torch._dynamo.reset()


@style(bitwise=False)
def lbfgs_of_one_iteration(model, batches):
    """One optimizer a step; its updates have a size of their own."""
    for x, y in batches:
        optimizer = torch.optim.LBFGS(model.parameters(), LR, max_iter=1)

        def evaluate():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.step(evaluate)


class Sharp(torch.optim.Optimizer):
    """SAM with a radius of nothing: it moves, evaluates again, comes back, and lets another optimizer step."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"radius": 0.0})
        self.base = torch.optim.SGD(self.param_groups, LR)
        self.param_groups = self.base.param_groups

    @torch.no_grad()
    def step(self, closure):
        here = [p.clone() for group in self.param_groups for p in group["params"]]
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=0.0)
                p.grad = None
        torch.enable_grad()(closure)()
        for p, old in zip((p for group in self.param_groups for p in group["params"]), here, strict=True):
            p.copy_(old)
        self.base.step()


@style()
def sharpness_aware(model, batches):
    optimizer = Sharp(model.parameters())
    for x, y in batches:

        def evaluate():
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss

        optimizer.zero_grad()
        evaluate()
        optimizer.step(evaluate)


@style()
def two_optimizers(model, batches):
    optimizers = [torch.optim.SGD(layer.parameters(), LR) for layer in (model[0], model[2])]
    for x, y in batches:
        for optimizer in optimizers:
            optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for optimizer in optimizers:
            optimizer.step()


@style(bitwise=False)
def by_hand_in_place(model, batches):
    for x, y in batches:
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= LR * p.grad


@style(bitwise=False)
def by_hand_through_data(model, batches):
    for x, y in batches:
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        for p in model.parameters():
            p.data.add_(p.grad.data, alpha=-LR)


@style(bitwise=False)
def by_hand_accumulated(model, batches):
    for x, y in batches:
        model.zero_grad()
        for part in (slice(8), slice(8, 16)):
            (F.cross_entropy(model(x[part]), y[part]) / 2).backward()
        with torch.no_grad():
            for p in model.parameters():
                p -= LR * p.grad


@style(bitwise=False)
def autograd_grad(model, batches):
    parameters = list(model.parameters())
    for x, y in batches:
        gradients = torch.autograd.grad(F.cross_entropy(model(x), y), parameters)
        with torch.no_grad():
            for p, gradient in zip(parameters, gradients, strict=True):
                p -= LR * gradient


@style(bitwise=False)
def torch_func(model, batches):
    values = {name: p.detach() for name, p in model.named_parameters()}

    def loss(values, x, y):
        return F.cross_entropy(torch.func.functional_call(model, values, (x,)), y)

    for x, y in batches:
        gradients = torch.func.grad(loss)(values, x, y)
        values = {name: value - LR * gradients[name] for name, value in values.items()}


def recorded(train: Style, folder: Path) -> History:
    model, batches = make()
    with sf.watch(runs=folder, every=2) as run:
        train(model, batches)
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history


def quantities(history: History) -> dict[tuple[str, str], list[float]]:
    """Series of each quantity by parameter, in the order of the steps."""
    found = {}
    for quantity in PARAMETER_QUANTITIES:
        layers = history.parameter_layer(quantity)
        for info in history.parameters:
            if info.optimizer is not None:
                column = layers.values[:, info.index]
                found[quantity, info.name] = column[~np.isnan(column)].tolist()
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> History:
    torch.set_num_threads(1)
    return recorded(plain, tmp_path_factory.mktemp("plain"))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", sorted(STYLES))
def test_the_same_quantities(name: str, reference: History, tmp_path: Path) -> None:
    history = recorded(STYLES[name], tmp_path)
    expected, found = quantities(reference), quantities(history)
    rows = len(expected["grad_norm", "0.weight"])
    assert rows == 7  # steps 1, 2, 4, 6, 8, 10, 12
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        if name == "lbfgs_of_one_iteration":
            assert found[key][0] == values[0] or key[0] == "update_norm"
            assert len(found[key]) == rows
            continue
        # Of a descent by hand, the last step shows at the next backward, or where its tensors still live.
        seen = found[key]
        assert len(seen) in (
            (rows, rows - 1) if "hand" in name or name in ("autograd_grad", "torch_func") else (rows,)
        )
        if name in BITWISE:
            assert seen == values, key
        else:
            np.testing.assert_allclose(seen, values[: len(seen)], rtol=2e-3, atol=1e-7, err_msg=str(key))


class Labelled(nn.Parameter):
    """A parameter of a class of its own, which nobody but that class may read."""


def test_what_can_not_be_measured_is_said(tmp_path: Path) -> None:
    model, batches = make()
    model[0].weight.__class__ = Labelled
    with sf.watch(runs=tmp_path) as run:
        plain(model, batches)
    history = run.history()
    assert history is not None
    assert len(history.series("grad_norm")) == STEPS
    (fact,) = history.facts(Unmeasured)
    assert (fact.quantities, fact.reason) == (
        ("norms of each parameter", "gradient noise"),
        "parameters are Labelled",
    )
    said = "norms of each parameter, gradient noise"
    assert f"not measured {said}: parameters are Labelled" in verdict_text(history, run.findings)
    assert f"Not measured: {said} (parameters are Labelled)." in render(history, run.findings)
    (entry,) = summary(history, run.findings)["unmeasured"]
    assert (entry["of"], entry["reason"]) == ("optimizer 0", "parameters are Labelled")


def test_what_torch_func_hides_is_said(tmp_path: Path) -> None:
    (fact,) = recorded(torch_func, tmp_path).facts(Unmeasured)
    assert fact.quantities == ("activations", "gradient noise", "loss functions")
    assert recorded(plain, tmp_path).facts(Unmeasured) == ()


def deep(by_closure: bool) -> None:
    """Ten sigmoid layers: the gradient vanishes towards the input."""
    torch.manual_seed(0)
    inputs = torch.randn(2000, 20)
    labels = (inputs[:, :2].sum(1) > 0).long()
    layers = [layer for _ in range(10) for layer in (nn.Linear(20, 20), nn.Sigmoid())]
    model = nn.Sequential(*layers, nn.Linear(20, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    for step in range(200):
        rows = slice(step % 60 * 32, step % 60 * 32 + 32)

        def evaluate():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs[rows]), labels[rows])
            loss.backward()
            return loss

        if by_closure:
            optimizer.step(evaluate)
        else:
            evaluate()
            optimizer.step()


@pytest.mark.parametrize("by_closure", [False, True])
def test_the_same_finding(by_closure: bool, tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path, every=10) as run:
        deep(by_closure)
    assert run.findings[0].code == "vanishing-gradient"
