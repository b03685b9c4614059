"""Scalers that are off, and parameters, gradients and optimizers of unusual kinds: observed, not stumbled over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.facts import Cadence, Defect
from surefoot.records import History

STEPS = 8


def observed(folder: Path, train: Callable[[], object]) -> History:
    torch.manual_seed(0)
    with sf.watch(runs=folder, every=1) as run:
        train()
    assert not run.recorder.failed
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history


def descend(
    model: Callable[[Tensor], Tensor],
    parameters: Iterable[Tensor] | list[dict[str, object]],
    **settings: object,
) -> None:
    optimizer = torch.optim.SGD(parameters, **{"lr": 0.01, **settings})
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.mse_loss(model(torch.ones(4, 6)), torch.zeros(4, 3)).backward()
        optimizer.step()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.amp.GradScaler("cpu", enabled=False),
        lambda: torch.amp.GradScaler("cuda", enabled=False),
        lambda: torch.cuda.amp.GradScaler(enabled=False),
        torch.cuda.amp.GradScaler,  # is off where there is no GPU
        lambda: torch.amp.GradScaler("cpu", init_scale=16.0),
    ],
    ids=["off", "off-cuda", "off-old", "old", "on"],
)
def test_a_scaler_on_or_off(make: Callable[[], torch.amp.GradScaler], tmp_path: Path) -> None:
    losses = []

    def train() -> None:
        model = nn.Linear(6, 3)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        scaler = make()
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = F.mse_loss(model(torch.ones(4, 6)), torch.zeros(4, 3))
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            losses.append(loss.item())

    history = observed(tmp_path, train)
    assert history.series("loss", 0).values == pytest.approx(losses)
    assert len(history.series("grad_norm", 0)) == STEPS


def sparse_embedding() -> None:
    table = nn.Embedding(20, 4, sparse=True)
    optimizer = torch.optim.SparseAdam(table.parameters(), 0.01)
    for _ in range(STEPS):
        optimizer.zero_grad()
        F.mse_loss(table(torch.randint(0, 20, (8,))), torch.zeros(8, 4)).backward()
        optimizer.step()


def lazy_layer() -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(3))
    descend(model, model.parameters())


def complex_weight() -> None:
    weight = nn.Parameter(torch.randn(6, 3, dtype=torch.complex64))
    descend(lambda x: (x.to(torch.complex64) @ weight).abs(), [weight])


def half_weight() -> None:
    model = nn.Linear(6, 3, dtype=torch.bfloat16)
    descend(lambda x: model(x.bfloat16()).float(), model.parameters())


def double_weight() -> None:
    model = nn.Linear(6, 3, dtype=torch.float64)
    descend(lambda x: model(x.double()).float(), model.parameters())


def empty_weight() -> None:
    model, nothing = nn.Linear(6, 3), nn.Parameter(torch.zeros(0, 3))
    descend(lambda x: model(x) + nothing.sum(), [*model.parameters(), nothing])


def integer_weight() -> None:
    model, count = nn.Linear(6, 3), nn.Parameter(torch.zeros(3, dtype=torch.int64), requires_grad=False)
    descend(lambda x: model(x) + count, [*model.parameters(), count])


def unused_weight() -> None:
    model, unused = nn.Linear(6, 3), nn.Linear(6, 3)
    descend(model, [*model.parameters(), *unused.parameters()])


def nothing_but_a_number() -> None:
    scale = nn.Parameter(torch.tensor(0.5))
    descend(lambda x: scale * x[:, :3], [scale])


def rate_as_tensor() -> None:
    model = nn.Linear(6, 3)
    descend(model, model.parameters(), lr=torch.tensor(0.01), foreach=False)


def foreach() -> None:
    model = nn.Linear(6, 3)
    descend(model, model.parameters(), foreach=True, momentum=0.9)


def fused() -> None:
    model = nn.Linear(6, 3)
    descend(model, model.parameters(), fused=True)


def differentiable() -> None:
    model = nn.Linear(6, 3)
    descend(lambda x: model(x) * 1.0, model.parameters(), weight_decay=0.1, maximize=True)


def some_on_meta() -> None:
    model, unloaded = nn.Linear(6, 3), nn.Linear(6, 3, device="meta")
    descend(model, [*model.parameters(), *unloaded.parameters()])


def channels_last() -> None:
    model = nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), nn.Flatten(), nn.Linear(4, 3))
    model.to(memory_format=torch.channels_last)
    descend(model, model.parameters())


def nested_batch() -> None:
    model = nn.Linear(6, 3)
    batch = torch.nested.nested_tensor([torch.ones(2, 6), torch.ones(5, 6)], layout=torch.jagged)
    descend(lambda x: torch.cat(model(batch).unbind())[:4], model.parameters())


def batch_of_inference() -> None:
    model = nn.Linear(6, 3)
    with torch.inference_mode():
        batch = torch.ones(4, 6)
    descend(lambda x: model(batch.clone()), model.parameters())


def expanded_gradient() -> None:
    weight = nn.Parameter(torch.ones(6, 3))
    descend(lambda x: x @ weight.sum().expand(6, 3), [weight])


def views_as_weights() -> None:
    flat = torch.randn(21)
    weight, bias = flat[:18].view(3, 6).requires_grad_(), flat[18:].requires_grad_()
    descend(lambda x: F.linear(x, weight, bias), [weight, bias])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "train",
    [
        sparse_embedding, lazy_layer, complex_weight, half_weight, double_weight, empty_weight, integer_weight,
        unused_weight, nothing_but_a_number, rate_as_tensor, foreach, fused, differentiable, some_on_meta,
        channels_last, nested_batch, batch_of_inference, expanded_gradient, views_as_weights,
    ],
)  # fmt: skip
def test_unusual_tensors_are_measured(train: Callable[[], None], tmp_path: Path) -> None:
    history = observed(tmp_path, train)
    losses, norms = (history.series(name, 0).values for name in ("loss", "grad_norm"))
    assert len(losses) == len(norms) == STEPS
    assert all(value == value for value in (*losses, *norms))  # none is NaN
    assert history.fact(Cadence).steps_without_backward == 0


class Told(Tensor):
    """What has memory of its own beneath a class that is told of each operation."""

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        with torch._C._DisableTorchDispatch():
            result = function(*args, **(kwargs or {}))
        return torch.utils._pytree.tree_map_only(Tensor, lambda t: Tensor._make_subclass(cls, t), result)


def test_weights_of_a_class_of_their_own(tmp_path: Path) -> None:
    def train() -> None:
        weight = nn.Parameter(Tensor._make_subclass(Told, torch.randn(3, 6)))
        assert type(weight) is Told
        descend(lambda x: F.linear(x, weight), [weight])

    history = observed(tmp_path, train)
    losses, norms = (history.series(name, 0).values for name in ("loss", "grad_norm"))
    assert len(losses) == len(norms) == STEPS


class Hand:
    """An optimizer that is none of PyTorch's."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)

    def zero_grad(self) -> None:
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        for parameter in self.parameters:
            parameter -= 0.01 * parameter.grad


def test_an_optimizer_of_another_house_descends_by_hand(tmp_path: Path) -> None:
    def train() -> None:
        model = nn.Linear(6, 3)
        optimizer = Hand(model.parameters())
        for _ in range(STEPS):
            optimizer.zero_grad()
            F.mse_loss(model(torch.ones(4, 6)), torch.zeros(4, 3)).backward()
            optimizer.step()

    history = observed(tmp_path, train)
    assert [o.name for o in history.optimizers] == ["by hand"]
    assert len(history.series("loss", 0)) >= STEPS - 1


def test_a_group_added_midway(tmp_path: Path) -> None:
    def train() -> None:
        first, second = nn.Linear(6, 6), nn.Linear(6, 3)
        optimizer = torch.optim.Adam(first.parameters(), 0.01)
        for step in range(STEPS):
            if step == 4:
                optimizer.add_param_group({"params": second.parameters(), "lr": 0.1})
            optimizer.zero_grad()
            F.mse_loss(second(first(torch.ones(4, 6))), torch.zeros(4, 3)).backward()
            optimizer.step()

    history = observed(tmp_path, train)
    assert len(history.optimizers[0].parameters) == 4
    assert len(history.series("grad_norm", 0)) == STEPS
