"""`find_lr`: nothing of the training is touched, the rate fits what is known, and `fit(lr="find")` takes it."""

from __future__ import annotations

import copy
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import surefoot as sf
from surefoot.diagnosis import diagnose, history_of
from surefoot.errors import SettingError
from surefoot.lr_range_test.keeping import range_test_of


def blobs(count: int = 240) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (count,), generator=generator)
    x = torch.randn(count, 6, generator=generator) + 2 * torch.eye(6)[y]
    return x, y


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))


def everything(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> list[Any]:
    return [
        copy.deepcopy(model.state_dict()),
        [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        [module.training for module in model.modules()],
        copy.deepcopy(optimizer.state_dict()),
        torch.get_rng_state(),
        loader.generator.get_state(),
        np.random.get_state()[1],
        random.getstate(),
    ]


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_everything_is_as_before_bitwise() -> None:
    model, data = network(), blobs()
    loader = DataLoader(TensorDataset(*data), 16, shuffle=True, generator=torch.Generator().manual_seed(3))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, weight_decay=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    model[1].eval()
    before = everything(model, optimizer, loader)
    ids = [id(p) for p in model.parameters()]
    found = sf.find_lr(
        model,
        nn.functional.cross_entropy,
        loader,
        optimizer=optimizer,
        after=3,
        confirm=True,
        validate=data,
        runs=None,
    )
    assert len(found.curve) > 20
    assert same(before, everything(model, optimizer, loader))
    assert [id(p) for p in model.parameters()] == ids


def test_a_test_is_the_same_each_time_and_its_trials_too() -> None:
    def tested() -> Any:
        return sf.find_lr(
            network(),
            nn.CrossEntropyLoss(),
            blobs(),
            batch_size=16,
            confirm=True,
            confirm_steps=30,
            runs=None,
        )

    one, other = tested(), tested()
    assert np.array_equal(one.curve.losses, other.curve.losses, equal_nan=True)
    assert one.found == other.found
    assert all(trial.steps == 30 for trial in one.trials)


def test_a_quadratic_whose_curvature_is_known() -> None:
    """Full-batch regression on one input of mean square s: the Hessian's top eigenvalue is known."""
    x = torch.linspace(-1, 3, 64).unsqueeze(1)
    data = (x, 2 * x + 1)
    design = torch.cat([x, torch.ones_like(x)], 1)
    top = float(torch.linalg.eigvalsh(2 * design.T @ design / len(x))[-1])
    found = sf.find_lr(
        nn.Linear(1, 1),
        nn.MSELoss(),
        data,
        optimizer={"name": "gd"},
        batch_size="full",
        confirm=True,
        runs=None,
    )
    by_method = {s.method: s for s in found.suggestions}
    assert by_method["curvature"].rate == pytest.approx(2 / top, rel=1e-4)
    assert found.lr is not None
    assert 0.02 / top < found.lr < 2 / top
    assert "4 times its best" in found.found.ended or "finite" in found.found.ended


def test_a_run_of_its_own_kind_is_kept(tmp_path: Path) -> None:
    found = sf.find_lr(network(), nn.CrossEntropyLoss(), blobs(), confirm=False, runs=tmp_path, name="rates")
    assert found.path == tmp_path / "rates"
    again = range_test_of(history_of("rates", tmp_path))
    assert again is not None
    assert again.found == found.found
    assert np.array_equal(again.curve.rates, found.curve.rates)
    assert again.curve.complete == found.curve.complete
    assert diagnose("rates", runs=tmp_path) == ()  # a training it is not


def test_fit_takes_the_rate_that_was_found(tmp_path: Path) -> None:
    common: dict[str, Any] = {
        "epochs": 1,
        "clip": None,
        "batch_size": 16,
        "observe": False,
        "progress": False,
    }
    found = sf.fit(network(), nn.CrossEntropyLoss(), blobs(), lr="find", **common)
    assert found.range_test is not None
    rate = found.range_test.lr
    assert rate is not None
    assert found.optimizer.param_groups[0]["lr"] == rate
    given = sf.fit(network(), nn.CrossEntropyLoss(), blobs(), lr=rate, **common)
    assert np.array_equal(found.losses, given.losses)


def test_a_model_that_cannot_learn_has_no_rate() -> None:
    x = torch.zeros(64, 6)  # nothing but the bias moves, and the labels are balanced
    y = torch.arange(64) % 2
    model = nn.Linear(6, 2)
    nn.init.zeros_(model.bias)
    found = sf.find_lr(model, nn.CrossEntropyLoss(), (x, y), batch_size="full", optimizer="sgd", runs=None)
    assert found.lr is None
    assert found.found.said.startswith("no suggestion")
    with pytest.raises(SettingError, match="found no rate"):
        sf.fit(
            model,
            nn.CrossEntropyLoss(),
            (x, y),
            optimizer="sgd",
            lr="find",
            batch_size="full",
            epochs=1,
            observe=False,
        )


def test_a_loss_that_explodes_ends_the_sweep_at_once() -> None:
    def exploding(output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean().exp()

    x = torch.ones(32, 2)
    found = sf.find_lr(nn.Linear(2, 1), exploding, (x, torch.full((32, 1), 2.0)), optimizer="sgd", runs=None)
    assert not found.curve.complete
    assert "finite" in found.found.ended or "4 times" in found.found.ended
    assert sum(not math.isfinite(loss) for loss in found.curve.losses) <= 1
    assert found.lr is None or math.isfinite(found.lr)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"first": 0.0}, "lowest rate"),
        ({"first": 1.0, "last": 0.1}, "goes nowhere"),
        ({"steps": 5}, "at least 20"),
        ({"optimizer": "lbfgs"}, "LBFGS"),
        ({"optimizer": "adamm"}, "adamm"),
        ({"after": -1}, "after"),
    ],
)
def test_bad_input_is_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        sf.find_lr(network(), nn.CrossEntropyLoss(), blobs(), runs=None, **given)


def test_an_optimizer_under_a_scheduler_stays_where_it_is() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.extra = [model[0].weight]  # type: ignore[attr-defined]
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))
    found = sf.find_lr(model, nn.CrossEntropyLoss(), blobs(), optimizer=optimizer, confirm=False, runs=None)
    assert found.found.present == 0.1
    assert same(before, (model.state_dict(), optimizer.state_dict(), scheduler.state_dict()))


def test_a_model_that_cannot_be_copied_is_refused() -> None:
    class Stubborn(nn.Linear):
        def __deepcopy__(self, memo: object) -> Any:
            raise RuntimeError("not me")

    with pytest.raises(SettingError, match="cannot be copied"):
        sf.find_lr(Stubborn(6, 3), nn.CrossEntropyLoss(), blobs(), runs=None)
