"""A landscape that is killed and started again goes on where it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from surefoot.errors import SettingError, StoreError
from surefoot.landscape import Objective, evaluation, random_plane

torch.set_num_threads(1)


class Stop(Exception):
    pass


def objective_counting(calls: list[int], seed: int = 0) -> Objective:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    inputs, target = torch.randn(20, 3), torch.randint(0, 2, (20,))
    loader = DataLoader(TensorDataset(inputs, target), batch_size=8, shuffle=True)

    def compute(m, batch):
        calls.append(1)
        return nn.functional.cross_entropy(m(batch[0]), batch[1])

    return Objective(model, data=loader, compute=compute, seed=seed)


@pytest.mark.parametrize("stop_after", [3, 5, 9, 14, 21])
@pytest.mark.parametrize("gradients", [False, True])
def test_it_goes_on_and_ends_with_the_same_numbers(tmp_path, monkeypatch, stop_after, gradients):
    monkeypatch.setattr(evaluation, "_SAVE_EVERY", 0.0)
    monkeypatch.setattr(evaluation, "_LOOP_CHUNK", 1)
    options = {"points": 3, "way": "loop", "gradients": gradients}
    calls: list[int] = []
    whole = random_plane(objective_counting(calls), **options)
    needed = len(calls)
    file = tmp_path / "part.npz"
    done: list[int] = []

    def stop(count: int, total: int) -> None:
        done.append(count)
        if len(done) == stop_after:
            raise Stop

    with pytest.raises(Stop):
        random_plane(objective_counting([]), resume=file, progress=stop, **options)
    assert file.exists()
    calls.clear()
    again = random_plane(objective_counting(calls), resume=file, **options)
    assert again.losses.tobytes() == whole.losses.tobytes()
    objective = objective_counting([])
    assert again.center_loss == whole.center_loss == objective.loss_at(objective.center)
    if gradients:
        assert again.gradients.tobytes() == whole.gradients.tobytes()
    assert len(calls) < needed
    assert not file.exists()


def interrupted(file, monkeypatch):
    monkeypatch.setattr(evaluation, "_SAVE_EVERY", 0.0)
    monkeypatch.setattr(evaluation, "_LOOP_CHUNK", 1)

    def stop(count: int, total: int) -> None:
        if count > 12:
            raise Stop

    with pytest.raises(Stop):
        random_plane(objective_counting([]), points=3, way="loop", resume=file, progress=stop)


def test_another_landscape_is_not_continued(tmp_path, monkeypatch):
    file = tmp_path / "part.npz"
    interrupted(file, monkeypatch)
    with pytest.raises(SettingError, match="another landscape"):
        random_plane(objective_counting([]), points=5, way="loop", resume=file)


def test_other_data_are_not_mixed_in(tmp_path, monkeypatch):
    file = tmp_path / "part.npz"
    interrupted(file, monkeypatch)
    objective = objective_counting([])
    objective.data = [(torch.ones(8, 3), torch.zeros(8, dtype=torch.long))] * 3
    with pytest.raises(StoreError, match="other data"):
        random_plane(objective, points=3, way="loop", resume=file)


def test_a_file_that_is_no_landscape_is_refused(tmp_path):
    file = tmp_path / "part.npz"
    file.write_bytes(b"hello")
    with pytest.raises(StoreError, match=r"not a \.npz file that surefoot wrote"):
        random_plane(objective_counting([]), points=3, resume=file)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(StoreError, match=r"not a \.npz file that surefoot wrote"):
        random_plane(objective_counting([]), points=3, resume=tmp_path / "other.npz")
