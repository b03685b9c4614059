"""Members that train at once are those that train one by one, and what one does stays in its own row."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import surefoot as sf
from surefoot.errors import SettingError
from surefoot.search import Sweep
from surefoot.search.updates import KNOWN

# In float64, so that no rounding grows to what a fault would be.
X = torch.linspace(-1, 1, 96 * 4, dtype=torch.float64).reshape(96, 4).sin()
Y = X.sum(1, keepdim=True)


def network(*more: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), *more, nn.Tanh(), nn.Linear(8, 1)).double()


def curves(sweep: Sweep) -> dict[str, list[float]]:
    return {
        f"{c.said}, seed {seed}": [loss for _, loss in result.training_curve]
        for c in sweep.configurations
        for seed, result in c.results.items()
    }


def both(model: nn.Module, **given: Any) -> tuple[Sweep, Sweep]:
    found = [
        sf.sweep(model, nn.MSELoss(), (X, Y), steps=12, batch_size=24, together=at_once, **given)
        for at_once in (True, False)
    ]
    assert not [remark for remark in found[0].remarks if "one by one" in remark]
    return found[0], found[1]


def same(one: Sweep, other: Sweep, tolerance: float = 1e-5) -> None:
    first, second = curves(one), curves(other)
    assert first.keys() == second.keys()
    for name, curve in first.items():
        assert curve == pytest.approx(second[name], rel=tolerance, abs=1e-6, nan_ok=True), name


@pytest.mark.parametrize("name", KNOWN)
def test_each_optimizer_at_once_is_as_one_by_one(name: str) -> None:
    same(*both(network(), lr=[0.003, 0.03], optimizer=name, weight_decay=[0.0, 0.1]))


def test_momentum_seeds_norms_and_dropout_are_the_same_too() -> None:
    same(
        *both(
            network(nn.BatchNorm1d(8), nn.Dropout(0.25)),
            lr=[0.01, 0.1],
            momentum=[0.0, 0.9],
            optimizer="momentum",
            seeds=2,
        )
    )


def test_a_member_that_diverges_stays_in_its_own_row() -> None:
    together, apart = both(network(), lr=[0.01, 1e300, 0.05], optimizer="gd")
    found = {c.setting.get("lr"): c for c in together.configurations}
    assert found[1e300].status == "diverged, 1 of 1"
    assert all(math.isfinite(found[rate].mean) for rate in (0.01, 0.05))
    kept = {c.setting.get("lr"): c.mean for c in apart.configurations}
    assert [found[rate].mean for rate in (0.01, 0.05)] == pytest.approx([kept[0.01], kept[0.05]], rel=1e-4)


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 1).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.linear(x)
        return y if y.mean().item() > 0 else 2 * y


def test_what_cannot_train_at_once_is_said_and_trained_one_by_one() -> None:
    torch.manual_seed(0)
    found = sf.sweep(
        Branching(), nn.MSELoss(), (X, Y), lr=[0.01, 0.1], optimizer="gd", steps=5, together=True
    )
    assert any(
        "gd trained one by one: torch.func can't take this model" in remark for remark in found.remarks
    )
    assert len(found.configurations) == 2
    found = sf.sweep(
        network(), nn.MSELoss(), (X, Y), lr=[0.1, 1.0], optimizer="lbfgs", steps=5, batch_size="full"
    )
    assert found.verdict.best is not None


def test_model_and_random_numbers_are_as_before() -> None:
    model = network(nn.Dropout(0.5))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    found = sf.sweep(model, nn.MSELoss(), (X, Y), lr=[0.001, 0.1], steps=10, validate=(X[:8], Y[:8]))
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert found.objective == "validation loss"
    assert found.best == {"lr": 0.1}
    assert found.command == ""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clip": ["none", "1.0"]}, "clip can't vary here"),
        ({"lr": [0.1], "random": 3}, "random is for scripts"),
        ({"lr": [0.1], "data": None}, "needs data"),
        ({"lr": [0.1], "steps": 0}, "at least 1"),
        ({"lr": "0.1:1:log"}, "has no count"),
    ],
)
def test_what_can_t_be_is_refused_in_a_sentence(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        sf.sweep(network(), nn.MSELoss(), given.pop("data", (X, Y)), **given)
