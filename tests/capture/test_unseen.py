"""None of our operations passes through the script's modes, tensor classes and traces; shapes alone are no training."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

import surefoot as sf
from surefoot.capture.unseen import readable, without_numbers
from surefoot.facts import Defect

Train = Callable[[], Any]


class Dispatched(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.calls[str(function)] += 1
        return function(*args, **(kwargs or {}))


class Called(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.calls[getattr(function, "__name__", str(function))] += 1
        return function(*args, **(kwargs or {}))


def train(inputs: Tensor | None = None, steps: int = 12) -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    x = torch.randn(9, 6) if inputs is None else inputs
    y = torch.arange(9) % 3
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        with torch.no_grad():
            F.cross_entropy(model.eval()(x), y)
        model.train()
    return model


def under(mode: type[Dispatched] | type[Called]) -> Counter[str]:
    with mode() as counting:
        train()
        gc.collect()  # an optimizer's death is an event, too
    return counting.calls


class Told(Tensor):
    """A subclass with memory of its own that is told of each operation."""

    calls: ClassVar[Counter[str]] = Counter()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        Told.calls[str(function)] += 1
        plain = torch.utils._pytree.tree_map_only(Told, lambda t: t.value, (args, kwargs or {}))
        result = function(*plain[0], **plain[1])
        return torch.utils._pytree.tree_map_only(Tensor, told, result)


class Wrapper(Told):
    """The same around another tensor: there is nothing beneath it."""


class Asked(Tensor):
    """A subclass that is asked by PyTorch's functions."""

    calls: ClassVar[Counter[str]] = Counter()

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        Asked.calls[getattr(function, "__name__", str(function))] += 1
        return super().__torch_function__(function, types, args, kwargs or {})


def told(value: Tensor) -> Tensor:
    made = Tensor._make_subclass(Told, value, value.requires_grad)
    made.value = value
    return made


def wrapped(value: Tensor) -> Tensor:
    made = Tensor._make_wrapper_subclass(Wrapper, value.size(), dtype=value.dtype)
    made.value = value
    return made


def by_subclass(kind: Callable[[Tensor], Tensor], counted: type[Told] | type[Asked]) -> Counter[str]:
    counted.calls.clear()
    train(kind(torch.linspace(-1, 1, 54).reshape(9, 6)))
    return Counter(counted.calls)


def asked(value: Tensor) -> Tensor:
    return value.as_subclass(Asked)


def flops() -> int:
    with FlopCounterMode(display=False) as counter:
        train()
    return counter.get_total_flops()


def traced() -> str:
    def step(x: Tensor, weight: Tensor) -> Tensor:
        inner = weight.detach().requires_grad_()
        loss = F.mse_loss(x @ inner, torch.zeros(4, 2))
        loss.backward()
        return inner - 0.1 * inner.grad

    return str(make_fx(step)(torch.ones(4, 3), torch.ones(3, 2)).graph)


def symbolically_traced() -> str:
    def loss(x: Tensor, weight: Tensor) -> Tensor:
        return F.cross_entropy(x @ weight, torch.zeros(4, dtype=torch.long))

    return str(make_fx(loss, tracing_mode="symbolic")(torch.ones(4, 3), torch.ones(3, 2)).graph)


def exported() -> str:
    return str(torch.export.export(nn.Linear(3, 2), (torch.ones(4, 3),)).graph)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "count",
    [
        lambda: under(Dispatched),
        lambda: under(Called),
        lambda: by_subclass(told, Told),
        lambda: by_subclass(wrapped, Told),
        lambda: by_subclass(asked, Asked),
        flops,
        traced,
        symbolically_traced,
        exported,
    ],
    ids=["dispatch", "function", "told", "wrapper", "asked", "flops", "make_fx", "symbolic", "export"],
)
def test_the_script_counts_its_own_operations_alone(count: Train, tmp_path: Path) -> None:
    count()  # what PyTorch does once only
    plain = count()
    with sf.watch(runs=tmp_path, every=1) as run:
        seen = count()
    assert seen == plain
    assert not run.recorder.failed
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()


def test_what_a_mode_sees_is_recorded_all_the_same(tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path, every=1) as run:
        under(Dispatched)
    history = run.history()
    assert history is not None
    assert len(history.series("loss", 0)) == len(history.series("grad_norm", 0)) == 12


def rehearse_on_fake_tensors() -> None:
    with FakeTensorMode():
        train(steps=2)


def rehearse_on_the_meta_device() -> None:
    with torch.device("meta"):
        train(steps=2)


def after_the_mode() -> None:
    with FakeTensorMode():
        model, x = nn.Linear(3, 2), torch.randn(4, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    F.mse_loss(model(x), model(x) + 1).backward()
    optimizer.step()


@pytest.mark.parametrize("rehearse", [rehearse_on_fake_tensors, rehearse_on_the_meta_device, after_the_mode])
def test_a_rehearsal_without_numbers_is_no_training(rehearse: Train, tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path, every=1) as run:
        rehearse()
    assert run.observer.counted() == (0, 0)
    assert not run.recorder.failed
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()


def test_readable() -> None:
    plain = torch.ones(3)
    assert readable(plain) is plain
    assert readable(sparse := plain.to_sparse()) is sparse
    beneath = readable(told(plain))
    assert type(beneath) is Tensor
    assert beneath.data_ptr() == plain.data_ptr()
    assert readable(wrapped(plain)) is None
    assert readable(torch.ones(2, device="meta")) is None
    freed = torch.ones(2)
    freed.untyped_storage().resize_(0)
    assert readable(freed) is None
    assert readable(nn.LazyLinear(2).weight) is None
    assert readable(torch.ones(0)) is not None
    assert without_numbers(torch.ones(2, device="meta"))
    assert not without_numbers(plain)
