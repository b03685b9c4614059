"""Checkpoints on disk: what is deleted, what is refused, and that damage never goes unseen."""

import json
import random
import shutil
import subprocess
import sys

import pytest
import torch
from torch import nn

from surefoot.errors import CheckpointError
from surefoot.training import fit
from surefoot.training.checkpoint import (
    FILES,
    checkpoints_in,
    read_checkpoint,
    read_index,
    write_checkpoint,
)
from surefoot.training.checkpoint_index import INDEX
from surefoot.training.checkpoint_lock import CheckpointLock
from surefoot.training.checksums import SUMS

from .tasks import network, regression, same

DATA = regression(24)


def train(folder, steps, model=None, **options):
    given = {"lr": 1e-2, "batch_size": 8, "checkpoint_every": 2, "resume": True, "observe": False, **options}
    return fit(model or network(), nn.MSELoss(), DATA, steps=steps, folder=folder, progress=False, **given)


def own(folder, name):
    """A folder of somebody else's with a file in it."""
    (folder / name).mkdir(parents=True)
    (folder / name / "important.txt").write_text("mine")


def untouched(folder, names):
    return all((folder / name / "important.txt").read_text() == "mine" for name in names)


def refusal(act, *args):
    """The sentence of the refusal; None where nothing was refused."""
    try:
        act(*args)
    except CheckpointError as error:
        return str(error)
    return None


# ---- what is deleted


def test_folders_of_others_stay_whatever_their_names(tmp_path):
    names = [
        "notes-step-by-step",
        "checkpoint-step-500",
        "epoch=3-step-900",
        "step-00000002",
        "step-00000004",
    ]
    for name in names:
        own(tmp_path, name)
    own(tmp_path, "outside/real")
    (tmp_path / "step-00000006").symlink_to(tmp_path / "outside/real", target_is_directory=True)
    (tmp_path / "step-00000008").write_text("a file")
    (tmp_path / ".step-00000002.partial").mkdir()
    result = train(tmp_path, 9, validate=DATA)
    assert result.steps == 9
    assert untouched(tmp_path, [*names, "outside/real"])
    assert (tmp_path / "step-00000006").is_symlink()
    assert (tmp_path / "step-00000008").read_text() == "a file"
    assert (tmp_path / ".step-00000002.partial").is_dir()
    # Nothing of ours is left but what the index marks.
    ours = {path.parent.name for path in tmp_path.glob(f"*/{SUMS}")}
    assert ours == set(read_index(tmp_path).values())


def test_a_file_put_into_a_checkpoint_outlives_it(tmp_path):
    train(tmp_path, 2)
    first = read_index(tmp_path)["last"]
    (tmp_path / first / "notes.txt").write_text("mine")
    train(tmp_path, 6)
    assert [path.name for path in (tmp_path / first).iterdir()] == ["notes.txt"]


def test_checkpoints_without_an_index_are_refused_and_kept(tmp_path):
    whole = train(tmp_path / "whole", 6)
    train(tmp_path / "kept", 4)
    last = read_index(tmp_path / "kept")["last"]
    (tmp_path / "kept" / INDEX).unlink()
    for resume in (True, False):
        with pytest.raises(CheckpointError, match=rf"holds checkpoints \({last}\) and no {INDEX}") as told:
            train(tmp_path / "kept", 6, resume=resume)
        assert str(tmp_path / "kept" / last) in str(told.value)
    again = train(tmp_path / "kept", 6, resume=tmp_path / "kept" / last)
    assert same(again.model, whole.model)
    assert (tmp_path / "kept" / last / "state.json").exists(), "no index named it"


@pytest.mark.parametrize("name", ["../outside", "/etc", "", "outside", "step-1", 7, None, ["step-00000002"]])
def test_an_index_that_names_what_is_no_checkpoint(tmp_path, name):
    own(tmp_path, "outside")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / INDEX).write_text(json.dumps({"last": "step-00000002", "best": name}))
    with pytest.raises(CheckpointError, match=f"{INDEX} cannot be read"):
        train(tmp_path / "kept", 4)
    assert untouched(tmp_path, ["outside"])


def test_the_index_of_another_training(tmp_path):
    train(tmp_path / "a", 4)
    train(tmp_path / "b", 4, seed=3)
    shutil.copy(tmp_path / "a" / INDEX, tmp_path / "b" / INDEX)
    before = sorted(tmp_path.glob("b/*/*"))
    with pytest.raises(CheckpointError, match=r"not the checkpoint that checkpoints.json means"):
        train(tmp_path / "b", 8, seed=3)
    assert sorted(tmp_path.glob("b/*/*")) == before


def test_a_checkpoint_that_was_moved_and_linked(tmp_path):
    train(tmp_path / "kept", 4)
    last = read_index(tmp_path / "kept")["last"]
    shutil.move(tmp_path / "kept" / last, tmp_path / "moved")
    (tmp_path / "kept" / last).symlink_to(tmp_path / "moved", target_is_directory=True)
    assert train(tmp_path / "kept", 8).steps == 8
    assert (tmp_path / "moved" / "model.safetensors").exists(), "the link was not followed to delete"


def test_two_trainings_in_one_folder(tmp_path):
    def meanwhile(output, target):
        with pytest.raises(CheckpointError, match=r"Another training is writing"):
            train(tmp_path, 9)
        return torch.zeros(())

    train(tmp_path, 4, validate=DATA, metrics={"meanwhile": meanwhile})
    assert train(tmp_path, 6).steps == 6
    # By another process too.
    code = (
        "import sys, pathlib\nfrom surefoot.training.checkpoint_lock import CheckpointLock\n"
        "with CheckpointLock(pathlib.Path(sys.argv[1])): print('held')"
    )
    with CheckpointLock(tmp_path):
        ended = subprocess.run(
            [sys.executable, "-c", code, tmp_path], check=False, capture_output=True, text=True, timeout=100
        )
    assert "CheckpointError: Another training" in ended.stderr
    assert not ended.stdout


def test_from_a_checkpoint_by_the_command_line(tmp_path, monkeypatch, capfd):
    from surefoot.cli.main import _main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts_of_resume_test.py").write_text(
        "import torch\ndef data(): return torch.ones(8, 1), torch.ones(8, 1)\n"
    )
    (tmp_path / "a.toml").write_text(
        'loss = "torch.nn:MSELoss"\ndata = "parts_of_resume_test.py:data"\n'
        '[model]\nfrom = "torch.nn:Linear"\nin_features = 1\nout_features = 1\n'
        '[optimizer]\nlr = 0.1\n[training]\nepochs = 2\nfolder = "kept"\n'
    )
    assert _main(["train", "a.toml"]) == 0
    last = tmp_path / "kept" / read_index(tmp_path / "kept")["last"]
    assert _main(["train", "a.toml", "--resume-from", str(last)]) == 0
    assert _main(["train", "a.toml", "--resume-from", "nowhere"]) == 2
    assert _main(["train", "line", "--resume-from", str(last)]) == 2
    assert "--resume-from is for TOML files" in capfd.readouterr().err


def test_resuming_into_a_folder_that_is_taken(tmp_path):
    train(tmp_path / "a", 4)
    train(tmp_path / "b", 4)
    with pytest.raises(CheckpointError, match=r"b holds the checkpoints of an earlier training"):
        train(tmp_path / "b", 8, resume=tmp_path / "a")


def test_the_best_weights_come_along_into_another_folder(kept, tmp_path):
    """Nothing after step 2 counts as an improvement."""
    given = {"validate": DATA, "improvement": 1e9, "restore_best": True}
    result = train(tmp_path / "b", 6, resume=kept, **given)
    best = read_checkpoint(kept, "best")
    assert result.best_step == 2
    assert all(torch.equal(value, best["model"][name]) for name, value in result.model.state_dict().items())


# ---- what is damaged


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A folder with a last and another, earlier best checkpoint."""
    folder = tmp_path_factory.mktemp("kept")
    # The only validation is at step 2, so that step stays the best.
    train(folder, 3, validate=DATA, validate_every=2, checkpoint_every=3, improvement=1e9)
    assert read_index(folder)["best"] != read_index(folder)["last"]
    return folder


@pytest.fixture(scope="module")
def onward(kept, tmp_path_factory):
    copy = tmp_path_factory.mktemp("onward") / "kept"
    shutil.copytree(kept, copy)
    return train(copy, 6).model


def flipped(path, rng):
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data))
    data[at] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def truncated(path, rng):
    data = path.read_bytes()
    path.write_bytes(data[: rng.randrange(len(data))])


def removed(path, rng):
    path.unlink()


def grown(path, rng):
    path.write_bytes(path.read_bytes() + b" ")


@pytest.mark.parametrize("name", [*FILES, SUMS, INDEX])
@pytest.mark.parametrize("change", [flipped, truncated, removed, grown])
def test_damage_is_named_or_harmless(kept, onward, tmp_path, name, change):
    rng = random.Random(f"{name} {change.__name__}")
    folder = tmp_path / "kept"
    last = read_index(kept)["last"]
    path = folder / INDEX if name == INDEX else folder / last / name
    for _ in range(40 if change in (flipped, truncated) else 1):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept, folder)
        change(path, rng)
        said = refusal(read_checkpoint, folder)
        if said is None:
            assert name == INDEX
            assert same(train(folder, 6).model, onward)
        else:
            assert name in said
            assert str(folder) in said
            assert "\n" not in said


def test_the_last_whole_one_is_offered_and_taken(kept, tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    index = read_index(folder)
    truncated(folder / index["last"] / "model.safetensors", random.Random(0))
    with pytest.raises(CheckpointError) as told:
        train(folder, 6)
    assert f"{index['last']} is damaged (model.safetensors" in str(told.value)
    offered = str(told.value).split("resume='")[1].split("'")[0]
    assert offered == str(folder / index["best"])
    model = network()
    assert train(folder, 6, model, resume=offered).steps == 6
    assert read_checkpoint(folder)["position"]["step"] == 6
    (folder / read_index(folder)["last"] / "state.json").unlink()
    for name in set(checkpoints_in(folder)) - {read_index(folder)["last"]}:
        shutil.rmtree(folder / name)
    with pytest.raises(CheckpointError, match=r"no other one is beside it"):
        train(folder, 9)


def test_checkpoints_of_an_older_surefoot(kept, tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    marks = read_index(folder)
    for name in marks.values():
        (folder / name / SUMS).unlink(missing_ok=True)
    (folder / INDEX).write_text(json.dumps(marks))
    before = sorted(folder.glob("*/*"))
    with pytest.raises(
        CheckpointError, match="older surefoot wrote it, whose checkpoints carry no checksums"
    ):
        train(folder, 6)
    (folder / INDEX).unlink()
    with pytest.raises(CheckpointError, match=f"is damaged .{SUMS} is missing"):
        train(folder, 6, resume=folder / marks["last"])
    assert sorted(folder.glob("*/*")) == before


def test_a_state_of_another_form_is_refused(kept, tmp_path):
    """As another program of the same file names would write it: sums and index are right."""
    state = read_checkpoint(kept)
    for key in state:
        for wrong in (None, "text", -1, []):
            folder = tmp_path / f"{key}-{wrong}"
            try:
                write_checkpoint(folder, "step-00000003", {**state, key: wrong}, ["last"])
            except AttributeError:
                assert key == "model"
                continue
            said = refusal(train, folder, 4)
            if said is None:
                assert key in ("scaler", "validations", "rewinds", "random", "lr_scale")
            else:
                assert "\n" not in said


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"optimizer": "sgd"}, "optimizer='AdamW'"),
        ({"optimizer": "adam"}, "optimizer='AdamW'"),
        ({"schedule": "cosine(6)"}, "schedule="),
        ({"clip": 1.0}, "clip="),
        ({"clip": None}, "clip="),
        ({"mixed_precision": "bf16"}, "mixed_precision='no'"),
        ({"model": network().double()}, "torch.float32 there and torch.float64 here"),
        ({"model": nn.Linear(5, 1)}, "another model"),
        ({"model": nn.Sequential(*network(), nn.Identity(), nn.Linear(1, 1))}, "another model"),
    ],
)
def test_another_training(kept, tmp_path, changed, named):
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    with pytest.raises(CheckpointError) as told:
        train(folder, 6, **changed)
    assert named in str(told.value)
    assert "\n" not in str(told.value)


def test_another_grouping_of_the_same_parameters(kept, tmp_path):
    folder = tmp_path / "kept"
    shutil.copytree(kept, folder)
    model = network()
    turned = torch.optim.AdamW(list(model.parameters())[::-1], lr=1e-2)
    with pytest.raises(CheckpointError, match=r"other parameters, or has them in other groups|groups there"):
        train(folder, 6, model, optimizer=turned, lr=None)


def test_a_schedule_of_a_function_is_known_again(tmp_path):
    train(tmp_path, 2, schedule=lambda step: 1.0)
    assert train(tmp_path, 4, schedule=lambda step: 1.0).steps == 4
