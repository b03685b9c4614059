"""Bitwise resume after a kill at any moment: in a step, between steps, inside the writing of a checkpoint."""

import multiprocessing
import os
import signal

import numpy as np
import pytest

from surefoot.errors import CheckpointError, SettingError
from surefoot.training import fit
from surefoot.training.checkpoint import read_checkpoint, read_index

from . import child
from .tasks import network, regression, same


@pytest.fixture(scope="module")
def processes():
    """Processes that are forked off one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["surefoot.training.fitting", "accelerate", "safetensors.torch"])
    return context


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """The same trainings without a kill."""
    return {kind: child.train(tmp_path_factory.mktemp(kind) / "kept", kind) for kind in child.KINDS}


def run_until_killed(processes, target, *args, **options):
    process = processes.Process(target=target, args=args, kwargs=options)
    process.start()
    process.join()
    return process.exitcode


def agrees(folder, straight, kind="tensors"):
    result = child.train(folder, kind)
    assert result.steps == child.STEPS
    assert np.array_equal(result.losses, straight[kind].losses)
    assert result.validations == straight[kind].validations
    assert same(result.model, straight[kind].model)


@pytest.mark.parametrize("number", [1, 2, 4, 8, 9, 11, 14, 17, 30])
def test_killed_while_it_writes_a_checkpoint(processes, straight, tmp_path, number):
    folder = tmp_path / "kept"
    assert run_until_killed(processes, child.killed_at_call, folder, number) == -signal.SIGKILL
    if read_index(folder):
        step = read_checkpoint(folder)["position"]["step"]
        assert step % 7 == 0 or step % 5 == 0, "of a checkpoint or of a validation, each complete"
    agrees(folder, straight)


@pytest.mark.parametrize("kind", child.KINDS)
@pytest.mark.parametrize("number", [3, 28])
def test_killed_within_a_step_in_the_middle_of_an_epoch(processes, straight, tmp_path, kind, number):
    folder = tmp_path / "kept"
    assert run_until_killed(processes, child.killed_at_step, folder, number, kind) == -signal.SIGKILL
    agrees(folder, straight, kind)


def test_killed_again_and_again_at_any_time(processes, straight, tmp_path):
    folder = tmp_path / "kept"
    rng = np.random.default_rng(0)
    for _ in range(12):
        process = processes.Process(target=child.train, args=(folder,), kwargs={"checkpoint_every": 2})
        process.start()
        process.join(float(rng.uniform(0.2, 1.0)))
        if process.exitcode is None:
            os.kill(process.pid, signal.SIGKILL)
            process.join()
        else:
            break
    result = child.train(folder, checkpoint_every=2)
    assert np.array_equal(result.losses, straight["tensors"].losses)
    assert same(result.model, straight["tensors"].model)
    assert not [p for p in folder.iterdir() if p.name.startswith(".")], "leftovers are cleared"


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "muon", "lbfgs"])
def test_every_optimizer_goes_on_bitwise(tmp_path, optimizer):
    given = {"optimizer": optimizer, "checkpoint_every": 3}
    whole = child.train(tmp_path / "whole", steps=12, **given)
    child.train(tmp_path / "parts", steps=5, **given)
    parts = child.train(tmp_path / "parts", steps=12, **given)
    # The shorter run validated at its end as well.
    assert np.array_equal(parts.losses, whole.losses)
    assert same(parts.model, whole.model)


def test_a_finished_training_can_be_made_longer(tmp_path):
    given = {"data": regression(), "loss": None, "lr": 1e-2, "batch_size": 8, "observe": False}
    from torch import nn

    given["loss"] = nn.MSELoss()
    long = fit(network(), **given, epochs=4)
    short = fit(network(), **given, epochs=2, folder=tmp_path)
    again = fit(network(), **given, epochs=2, folder=tmp_path, resume=True)
    assert same(again.model, short.model)
    assert again.steps == short.steps
    longer = fit(network(), **given, epochs=4, folder=tmp_path, resume=True)
    assert np.array_equal(longer.losses, long.losses)
    assert same(longer.model, long.model)


def test_from_another_folder(tmp_path):
    first = child.train(tmp_path / "a", steps=14)
    second = child.train(tmp_path / "b", steps=20, resume=tmp_path / "a")
    assert np.array_equal(second.losses[:14], first.losses)
    assert read_checkpoint(tmp_path / "b")["position"]["step"] == 20
    assert read_checkpoint(tmp_path / "a")["position"]["step"] == 14


def test_refusals(tmp_path):
    from torch import nn

    folder = tmp_path / "kept"
    data = regression()
    given = {"batch_size": 8, "steps": 3, "observe": False}
    fit(network(), nn.MSELoss(), data, folder=folder, **given)
    with pytest.raises(CheckpointError, match=r"pass resume=True"):
        fit(network(), nn.MSELoss(), data, folder=folder, **given)
    with pytest.raises(CheckpointError, match=r"batch_size=8 and this training has batch_size=4"):
        fit(network(), nn.MSELoss(), data, folder=folder, resume=True, **{**given, "batch_size": 4})
    with pytest.raises(CheckpointError, match=r"seed=0 and this training has seed=9"):
        fit(network(), nn.MSELoss(), data, folder=folder, resume=True, seed=9, **given)
    with pytest.raises(CheckpointError, match=r"examples=70 and this training has examples=20"):
        fit(network(), nn.MSELoss(), regression(20), folder=folder, resume=True, **given)
    with pytest.raises(CheckpointError, match=r"of another model or optimizer: .*size mismatch"):
        fit(network(4), nn.MSELoss(), regression(features=4), folder=folder, resume=True, **given)
    with pytest.raises(CheckpointError, match=r"made with clip='AutoClip.* has clip='ClipByNorm"):
        fit(network(), nn.MSELoss(), data, folder=folder, resume=True, clip=1.0, **given)
    with pytest.raises(CheckpointError, match=r"no last checkpoint in"):
        fit(network(), nn.MSELoss(), data, resume=tmp_path / "nowhere", **given)
    with pytest.raises(SettingError, match=r"no folder to resume from"):
        fit(network(), nn.MSELoss(), data, resume=True, **given)
    (folder / read_index(folder)["last"] / "training.safetensors").write_bytes(b"xx")
    with pytest.raises(CheckpointError, match=r"is damaged"):
        fit(network(), nn.MSELoss(), data, folder=folder, resume=True, **given)
    (folder / "checkpoints.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"cannot be read"):
        fit(network(), nn.MSELoss(), data, folder=folder, resume=True, **given)
