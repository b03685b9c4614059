from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.errors import SettingError
from surefoot.landscape import Objective, TrajectoryRecorder, principal_plane, project
from surefoot.landscape.trajectory import SUMS, random_signs, sketch

torch.set_num_threads(1)


def train(recorder_options: dict, steps: int = 40, width: int = 16):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, width), nn.Tanh(), nn.Linear(width, 1))
    x = torch.randn(32, 8)
    y = x[:, :1] * x[:, 1:2]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    recorder = TrajectoryRecorder(model, **recorder_options)
    points = [torch.cat([p.detach().reshape(-1) for p in model.parameters()]).numpy().copy()]
    with recorder.following(optimizer):
        for _ in range(steps):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            recorder.loss(loss)
            optimizer.step()
            points.append(torch.cat([p.detach().reshape(-1) for p in model.parameters()]).numpy().copy())
    assert not optimizer._optimizer_step_post_hooks
    objective = Objective(model, nn.functional.mse_loss, (x, y))
    return objective, recorder.trajectory(), np.stack(points)


def test_a_small_model_is_kept_whole_from_start_to_end():
    objective, path, points = train({"name": "Adam"})
    assert path.seed is None
    assert path.steps.tolist() == list(range(41))
    np.testing.assert_array_equal(path.points, points)
    assert path.losses[0] > path.losses[39]
    assert np.isnan(path.losses[40])
    assert path.losses[5] == pytest.approx(objective.loss_at(torch.from_numpy(points[5])), rel=1e-5)


def test_every_so_many_steps_and_the_last():
    _, path, points = train({"every": 7})
    assert path.steps.tolist() == [0, 7, 14, 21, 28, 35, 40]
    np.testing.assert_array_equal(path.points[-1], points[-1])


def test_the_budget_thins_the_path_and_keeps_its_ends():
    size = 8 * 16 + 16 + 16 + 1
    _, path, _ = train({"budget": 4 * size * 70}, steps=300)
    assert path.seed is None
    assert len(path) <= 71
    assert path.steps[0] == 0
    assert path.steps[-1] == 300
    assert set(np.diff(path.steps[:-1])) == {8}


def test_recording_changes_nothing_and_never_reads_from_the_device():
    from torch.utils._python_dispatch import TorchDispatchMode

    class Reads(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            Reads.count += func is torch.ops.aten._local_scalar_dense.default
            return func(*args, **(kwargs or {}))

    model = nn.Linear(300, 300)
    for budget in (1, 2**26):  # sketched, whole
        recorder = TrajectoryRecorder(model, budget=budget)
        before = model.weight.detach().clone(), torch.get_rng_state()
        with Reads():
            for _ in range(5):
                recorder.record(model.weight.sum().detach())
        assert Reads.count == 0
        assert torch.equal(model.weight, before[0])
        assert torch.equal(torch.get_rng_state(), before[1])


def test_a_sketch_keeps_inner_products():
    generator = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 50_000, generator=generator)
    two = one + 0.3 * two
    ratios = []
    for seed in range(20):
        signs = random_signs(50_000, seed)
        a, b = sketch(one, signs), sketch(two, signs)
        assert a.shape == (SUMS,)
        ratios.append(float(a @ b / (one @ two)))
    assert abs(np.mean(ratios) - 1) < 0.02
    assert np.std(ratios) < 2 * np.sqrt(2 / SUMS)


def test_a_sketched_path_lies_where_the_whole_one_does():
    # Wide enough that the sketch is smaller than the model.
    options = {"steps": 40, "width": 600}
    objective, sketched, _ = train({"budget": 1}, **options)
    assert sketched.seed == 0
    assert sketched.points.shape[1] == SUMS
    assert sketched.anchors.shape[0] <= 10
    assert sketched.anchor_steps[-1] == 40
    _, whole, _ = train({}, **options)
    surface = principal_plane(objective, sketched, points=3)
    from surefoot.landscape import principal_directions

    true = project(objective, whole, principal_directions(objective, [sketched]))
    guess = surface.paths[0]
    scale = np.linalg.norm(true.points[0])
    assert np.abs(guess.points - true.points).max() < 0.1 * scale
    assert np.abs(guess.distances - true.distances).max() < 0.15 * scale
    assert guess.estimated
    assert "estimated" in surface.statement


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TrajectoryRecorder(nn.Linear(1, 1), every=0), "every"),
        (lambda: TrajectoryRecorder(nn.Flatten()), "no parameter"),
        (lambda: TrajectoryRecorder(nn.Linear(1, 1)).trajectory(), "no point was recorded"),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(SettingError, match=message):
        call()
