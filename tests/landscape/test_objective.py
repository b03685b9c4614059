"""What is evaluated: data in batches, modes, and nothing of the user's left changed."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.errors import SettingError
from surefoot.landscape import Objective, landscape, random_plane, sharpness, slice_along_parameter
from surefoot.landscape.evaluation import WAYS, evaluate

from .closed_form import Everything, Point, snapshot

cross_entropy = nn.functional.cross_entropy


def classes(n: int = 24, features: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n, features, generator=generator), torch.randint(0, 2, (n,), generator=generator)


@pytest.mark.parametrize("mode", ["eval", "train", "as is"])
def test_nothing_of_the_users_changes(mode):
    torch.manual_seed(1)
    np.random.seed(2)
    random.seed(3)
    model = Everything()
    inputs, target = classes()
    cross_entropy(model(inputs), target).backward()
    generator = torch.Generator().manual_seed(9)
    loader = DataLoader(TensorDataset(inputs, target), batch_size=7, shuffle=True, generator=generator)
    before, loaders = snapshot(model), generator.get_state()
    landscape(model, cross_entropy, loader, points=5, mode=mode, gradients=True)
    landscape(
        model, cross_entropy, loader, x="last.weight[0, 0]", points=5, mode=mode, others="averaged", samples=2
    )
    objective = Objective(model, cross_entropy, loader, mode=mode)
    sharpness(objective, products=3, probes=2, radius=0.1, ascents=2)
    assert snapshot(model) == before
    assert torch.equal(generator.get_state(), loaders)


def test_nothing_changes_when_the_loss_fails():
    model = Everything()
    before = snapshot(model)

    def compute(m, batch):
        torch.rand(3)
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        random_plane(Objective(model, compute=compute), points=3)
    assert snapshot(model) == before


def test_batches_weigh_by_their_examples():
    model = Everything()
    inputs, target = classes(23)  # a last batch of 3
    loader = DataLoader(TensorDataset(inputs, target), batch_size=5)
    whole = random_plane(Objective(model, cross_entropy, (inputs, target)), points=3, gradients=True)
    parts = random_plane(Objective(model, cross_entropy, loader), points=3, gradients=True)
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-5)
    np.testing.assert_allclose(parts.gradients, whole.gradients, rtol=1e-3, atol=1e-6)
    assert parts.settings["examples"] == 23


def test_a_summed_loss_is_summed():
    model = Everything()
    inputs, target = classes(12)
    loss = nn.CrossEntropyLoss(reduction="sum")
    whole = Objective(model, loss, (inputs, target))
    parts = Objective(model, loss, [(inputs[:5], target[:5]), (inputs[5:], target[5:])])
    assert parts.loss_at(parts.center) == pytest.approx(whole.loss_at(whole.center), rel=1e-6)


def test_batch_norm_and_dropout_are_treated_as_stated():
    torch.manual_seed(0)
    model = Everything()
    inputs, target = classes()
    reference = {}
    for mode, train in (("eval", False), ("train", True)):
        copy = Everything()
        copy.load_state_dict(model.state_dict())
        copy.train(train)
        copy.drop.p = 0.0
        with torch.no_grad():
            reference[mode] = cross_entropy(copy(inputs), target).item()
    objective = Objective(model, cross_entropy, (inputs, target))
    assert objective.loss_at(objective.center) == reference["eval"]
    model.drop.p = 0.0
    objective = Objective(model, cross_entropy, (inputs, target), mode="train")
    assert objective.loss_at(objective.center) == pytest.approx(reference["train"], rel=1e-6)
    assert reference["train"] != reference["eval"]


def test_dropout_in_training_mode_has_the_same_masks_at_every_point():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.5), nn.Linear(16, 2))
    objective = Objective(model, cross_entropy, classes(), mode="train")
    flat = torch.zeros(objective.size)
    flat[0] = 1
    done = evaluate(objective, [flat], np.zeros((6, 1)))
    assert len(set(done.losses)) == 1
    assert done.stochastic
    assert done.way.startswith("loop")
    other = evaluate(
        Objective(model, cross_entropy, classes(), mode="train", seed=1), [flat], np.zeros((1, 1))
    )
    assert other.losses[0] != done.losses[0]


@pytest.mark.parametrize("slopes", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_all_ways_agree_with_the_plain_loop(way, slopes):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv1d(1, 3, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2)
    )
    inputs, target = classes()
    objective = Objective(model, cross_entropy, (inputs[:, None], target))
    generator = torch.Generator().manual_seed(0)
    directions = [torch.randn(objective.size, generator=generator) * 0.3 for _ in range(2)]
    points = np.random.default_rng(0).normal(size=(17, 2)).astype(np.float32)
    done = evaluate(objective, directions, points, way=way, slopes=slopes)
    for point, loss, slope in zip(points, done.losses, done.slopes if slopes else points, strict=True):
        vector = objective.center + sum(float(c) * d for c, d in zip(point, directions, strict=True))
        assert loss == pytest.approx(objective.loss_at(vector), rel=1e-5)
        if slopes:
            _, gradient = objective.gradient_at(vector)
            expected = [float(gradient @ d) for d in directions]
            np.testing.assert_allclose(slope, expected, rtol=1e-3, atol=1e-5)


def test_a_layer_used_twice_is_not_computed_ahead():
    torch.manual_seed(0)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.again = self.layer

        def forward(self, x):
            return self.again(self.layer(x).relu()) + x @ self.layer.weight

    inputs = torch.randn(6, 4)
    objective = Objective(Tied(), nn.functional.mse_loss, (inputs, torch.zeros(6, 4)))
    direction = torch.randn(objective.size)
    points = np.linspace(-1, 1, 5, dtype=np.float32)[:, None]
    for way in ("loop, computed ahead", "stacked, computed ahead"):
        done = evaluate(objective, [direction], points, way=way)
        expected = [objective.loss_at(objective.center + float(t) * direction) for t in points[:, 0]]
        np.testing.assert_allclose(done.losses, expected, rtol=1e-5)


def test_a_residual_past_the_first_layer_survives_the_activation_in_place():
    torch.manual_seed(0)

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.last = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x):
            before = self.layer(x)
            return self.last(before.relu()) + before

    inputs = torch.randn(6, 4)
    objective = Objective(Residual(), nn.functional.mse_loss, (inputs, torch.zeros(6, 4)))
    direction = torch.randn(objective.size)
    done = evaluate(objective, [direction], np.ones((3, 1)), way="loop, computed ahead")
    np.testing.assert_allclose(done.losses, objective.loss_at(objective.center + direction), rtol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_a_loss_that_is_a_view_of_the_output_is_not_overwritten(way):
    objective = Objective(nn.Linear(1, 1), compute=lambda m, x: m(x).squeeze(), data=[torch.ones(1, 1)])
    points = np.arange(9, dtype=np.float32)[:, None]
    done = evaluate(objective, [torch.tensor([1.0, 1.0])], points, way=way)
    np.testing.assert_allclose(np.diff(done.losses), 2.0, rtol=1e-5)


@pytest.mark.parametrize(
    "loss",
    [
        nn.L1Loss(),
        nn.MSELoss(),
        nn.MSELoss(reduction="sum"),
        nn.HuberLoss(),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 3.0])),
        nn.CrossEntropyLoss(ignore_index=1),
    ],
)
@pytest.mark.parametrize("way", WAYS[1:])
def test_losses_taken_a_quicker_way_are_the_same(loss, way):
    torch.manual_seed(0)
    inputs, target = classes()
    if not isinstance(loss, nn.CrossEntropyLoss):
        target = torch.randn(len(inputs), 2)
    objective = Objective(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), loss, (inputs, target))
    direction = torch.randn(objective.size)
    points = np.linspace(-1, 1, 7, dtype=np.float32)[:, None]
    done, plain = (evaluate(objective, [direction], points, way=w) for w in (way, "loop"))
    np.testing.assert_allclose(done.losses, plain.losses, rtol=1e-5)


def test_cost_grows_with_points_times_batches():
    calls = []

    class Counting(nn.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    inputs, target = classes()
    batches = [(inputs[:12], target[:12]), (inputs[12:], target[12:])]
    objective = Objective(Counting(4, 2), cross_entropy, batches)
    direction = torch.ones(objective.size)
    counts = []
    for points in (10, 20):
        calls.clear()
        evaluate(objective, [direction], np.linspace(0, 1, points)[:, None], way="loop")
        counts.append(len(calls))
    assert counts[1] - counts[0] == 10 * 2


def test_progress_counts_evaluations():
    inputs, target = classes()
    objective = Objective(
        nn.Linear(4, 2), cross_entropy, [(inputs[:12], target[:12]), (inputs[12:], target[12:])]
    )
    seen = []
    random_plane(objective, points=9, progress=lambda done, total: seen.append((done, total)), way="loop")
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert seen[-1] == (162, 162)


def test_models_that_vmap_cannot_stack_still_have_a_landscape():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            out = self.layer(x)
            return out if out.sum().item() > 0 else -out

    surface = random_plane(Objective(Branching(), cross_entropy, classes()), points=5)
    assert surface.settings["way"].startswith("loop")
    assert np.isfinite(surface.losses).all()


def test_recurrent_models_move_too():
    class Sequence(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn, self.last = nn.LSTM(4, 5, batch_first=True), nn.Linear(5, 2)

        def forward(self, x):
            return self.last(self.rnn(x[:, None].expand(-1, 3, -1))[0][:, -1])

    torch.manual_seed(0)
    model = Sequence()
    surface = slice_along_parameter(
        Objective(model, cross_entropy, classes()), "rnn.weight_ih_l0[0, 0]", points=5
    )
    assert np.ptp(surface.losses) > 0
    assert surface.losses[2] == pytest.approx(surface.center_loss, rel=1e-6)


def generator_of_batches():
    yield classes()


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        ((nn.Linear(4, 2),), {}, "pass loss and data, or compute"),
        ((nn.Linear(4, 2), cross_entropy, generator_of_batches()), {}, "cannot be walked again"),
        ((nn.Flatten(), cross_entropy, classes()), {}, "no parameter to move"),
        ((nn.Linear(4, 2), cross_entropy, classes()), {"mode": "test"}, "choose"),
        ((nn.Linear(4, 2), cross_entropy, []), {}, "no batch"),
        ((nn.Linear(4, 2), cross_entropy, {"x": torch.ones(2, 4)}), {}, "pass compute"),
        ((nn.Linear(4, 2), nn.CrossEntropyLoss(reduction="none"), classes()), {}, "one number a batch"),
        ((Point(1.0, 2.0),), {"compute": lambda m, _: torch.tensor(1.0)}, "does not depend"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, keywords, message):
    with pytest.raises(SettingError, match=message):
        landscape(
            *arguments, x="weight[0, 0]" if "compute" not in keywords else "at[0]", points=3, **keywords
        )


def test_a_model_that_cannot_be_copied_is_refused_in_a_sentence():
    model = nn.Linear(2, 2)
    model.cached = model.weight * 2  # not a leaf
    with pytest.raises(SettingError, match="cannot be copied"):
        Objective(model, cross_entropy, classes())


class Noisy(torch.utils.data.Dataset):
    """Draws an augmentation from NumPy's and python's own generators."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.full((4,), float(np.random.rand() + random.random())), torch.tensor(index % 2)


def test_augmentations_are_the_same_on_every_walk_and_leave_the_generators_alone():
    objective = Objective(nn.Linear(4, 2), cross_entropy, Noisy(), seed=-3)
    before = (random.getstate(), np.random.get_state()[1].tobytes())
    first = objective.loss_at(objective.center)
    assert objective.loss_at(objective.center) == first
    surface = random_plane(objective, points=3)
    assert surface.center_loss == pytest.approx(first, rel=1e-6)
    assert surface.losses[1, 1] == pytest.approx(first, rel=1e-5)
    assert (random.getstate(), np.random.get_state()[1].tobytes()) == before
