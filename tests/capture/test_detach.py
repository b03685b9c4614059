"""Nothing stays behind: after closing, PyTorch is as it was, and wrappers that somebody kept pass through."""

from __future__ import annotations

import functools
import gc
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules import module as torch_module
from torch.optim import lr_scheduler
from torch.optim import optimizer as torch_optimizer
from torch.utils.data import DataLoader

import surefoot as sf
from surefoot.capture import recorder
from surefoot.capture.observation import Observation, begin_run
from surefoot.errors import SettingError
from surefoot.facts import Cadence
from surefoot.store.runs import list_runs
from surefoot.store.writer import RunWriter

from .twin import SUREFOOT, process


def surface() -> dict[str, Any]:
    """Every attribute of PyTorch that observation could have touched, and the sizes of its global hook tables."""
    owners = [
        F, torch.Tensor, torch.autograd, nn.Module, nn.utils, nn.utils.clip_grad, DataLoader, torch.no_grad,
        torch.inference_mode, torch.amp.GradScaler, torch.optim.Optimizer, torch.autograd.graph.saved_tensors_hooks,
        *(kind for kind in vars(lr_scheduler).values() if isinstance(kind, type)), torch.optim.SGD, torch.optim.AdamW,
        nn.Linear, nn.CrossEntropyLoss, torch.jit,
    ]  # fmt: skip
    found = {
        f"{owner!r}.{name}": value
        for owner in owners
        for name, value in vars(owner).items()
        if callable(value)
    }
    tables = [*vars(torch_module).items(), *vars(torch_optimizer).items()]
    found["compile"] = torch.compile
    found |= {name: len(table) for name, table in tables if "_global_" in name and hasattr(table, "__len__")}
    return found


def same(before: dict[str, Any], after: dict[str, Any]) -> bool:
    # What torch loads lazily may have come since; nothing may have changed.
    return all(
        after[name] is value or (isinstance(value, int) and after[name] == value)
        for name, value in before.items()
    )


def train(steps: int = 4, model: nn.Module | None = None) -> Any:
    model = model or nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(torch.randn(8, 4)), torch.randint(0, 2, (8,))).backward()
        optimizer.step()
    return model


def test_closing_gives_everything_back(tmp_path: Path) -> None:
    train()  # torch itself wraps an optimizer's step at its first use
    before = surface()
    run = sf.watch(runs=tmp_path)
    assert not same(before, surface())
    train()
    run.close()
    assert same(before, surface())
    assert run.steps == 4
    train()
    assert run.steps == 4
    run.close()
    assert [(r.status, r.steps) for r in list_runs(tmp_path)] == [("finished", 4)]


def test_descent_by_hand_leaves_nothing_either(tmp_path: Path) -> None:
    before = surface()
    weight = torch.ones(3, requires_grad=True)
    with sf.watch(runs=tmp_path) as run:
        for _ in range(4):
            weight.square().sum().backward()
            with torch.no_grad():
                weight -= 0.1 * weight.grad
            weight.grad = None
    assert run.steps == 4
    assert same(before, surface())


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("mine"), "failed"), (KeyboardInterrupt(), "interrupted")]
)
def test_an_error_gives_everything_back(error: BaseException, status: str, tmp_path: Path) -> None:
    before = surface()
    model = nn.Linear(4, 2)
    model.register_forward_hook(lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(type(error)) as caught, sf.watch(runs=tmp_path):
        model(torch.ones(2, 4))
    assert caught.value is error
    assert same(before, surface())
    assert list_runs(tmp_path)[0].status == status


def test_kept_wrappers_pass_through(tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path) as run:
        loss, backward, clip, enter = (
            F.cross_entropy,
            torch.autograd.backward,
            nn.utils.clip_grad_norm_,
            torch.no_grad,
        )
        kept = torch.Tensor.backward
        train(1)
    weight = torch.ones(3, requires_grad=True)
    kept((weight * 2).sum())
    backward([(weight * 2).sum()])
    assert weight.grad is not None
    assert weight.grad.tolist() == [4.0, 4.0, 4.0]
    assert clip([weight], 1.0).item() == pytest.approx(48**0.5)
    assert loss(torch.zeros(2, 2), torch.tensor([0, 1])).item() == pytest.approx(0.6931, abs=1e-4)
    with enter():
        assert not torch.is_grad_enabled()
    assert run.observer.counts.backwards == 1


def test_somebody_elses_wrapper_over_ours_stays(tmp_path: Path) -> None:
    original = F.mse_loss
    try:
        with sf.watch(runs=tmp_path):
            ours = F.mse_loss
            F.mse_loss = theirs = functools.partial(ours)
        assert F.mse_loss is theirs
        assert F.mse_loss(torch.ones(2), torch.zeros(2)).item() == 1.0
    finally:
        F.mse_loss = original


def test_two_at_once_see_their_own_optimizers(tmp_path: Path) -> None:
    train()  # torch itself wraps an optimizer's step at its first use
    before = surface()
    models = [nn.Linear(4, 2), nn.Linear(4, 2)]
    optimizers = [torch.optim.SGD(model.parameters(), 0.1) for model in models]
    first = sf.watch(models[0], optimizers[0], runs=tmp_path, name="first")
    second = sf.watch(models[1], optimizers[1], runs=tmp_path, name="second")
    for turn in range(6):
        index = 0 if turn < 2 else 1
        optimizers[index].zero_grad()
        models[index](torch.randn(3, 4)).square().mean().backward()
        optimizers[index].step()
    first.close()  # in the order of opening: the second's wrappers stand on the first's
    optimizers[1].zero_grad()
    models[1](torch.randn(3, 4)).square().mean().backward()
    optimizers[1].step()
    second.close()
    assert (first.steps, second.steps) == (2, 5)
    assert same(before, surface())
    for run, steps in ((first, 2), (second, 5)):
        history = run.history()
        assert history is not None
        assert len(history.series("loss").finite) == steps
        assert [info.name for info in history.parameters] == ["weight", "bias"]


def test_nested_and_inside_a_run(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import torch, surefoot as sf\n"
        "from torch import nn\n"
        "def train(steps):\n"
        "    model = nn.Linear(4, 2)\n"
        "    optimizer = torch.optim.SGD(model.parameters(), 0.1)\n"
        "    for _ in range(steps):\n"
        "        optimizer.zero_grad()\n"
        "        model(torch.randn(8, 4)).square().mean().backward()\n"
        "        optimizer.step()\n"
        "train(2)\n"
        "with sf.watch(runs='runs', name='outer') as outer:\n"
        "    train(3)\n"
        "    with sf.watch(runs='runs', name='inner') as inner:\n"
        "        train(4)\n"
        "    train(5)\n"
        "left = sf.watch(runs='runs', name='left-open')\n"
        "train(6)\n"
        "print(outer.steps, inner.steps)\n"
    )
    ended = process([*SUREFOOT, "run", "--quiet", "--runs", "runs", "--name", "all", "train.py"], tmp_path)
    assert (ended.code, ended.stdout, ended.said) == (0, b"12 4\n", "")
    found = {run.name: (run.status, run.steps) for run in list_runs(tmp_path / "runs")}
    assert found == {
        "all": ("finished", 20), "outer": ("finished", 12), "inner": ("finished", 4), "left-open": ("finished", 6)
    }  # fmt: skip


def test_the_model_is_not_kept_alive(tmp_path: Path) -> None:
    with sf.watch(runs=tmp_path) as run:
        model = train(model=nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2)))
        gone = weakref.ref(model[1].weight)
        del model
        gc.collect()
        run.recorder.flush(facts=True)
        assert gone() is None


def test_bad_arguments(tmp_path: Path) -> None:
    before = surface()
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for wrong in (
        {"every": 0},
        {"clip": sf.AutoClip()},
        {"optimizer": optimizer, "clip": [sf.AutoClip(), sf.AutoClip()]},
        {"model": optimizer},
        {"optimizer": model},
        {"optimizer": optimizer, "clip": "loud"},
    ):
        with pytest.raises(SettingError, match=r"."):
            sf.watch(runs=tmp_path, **wrong)  # type: ignore[arg-type]
    assert same(before, surface())
    assert list_runs(tmp_path) == []


def test_an_optimizer_made_before_is_no_descent_by_hand(tmp_path: Path) -> None:
    model = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with sf.watch(runs=tmp_path) as run:
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randn(3, 4)).square().mean().backward()
            optimizer.step()
    assert run.steps == 5
    history = run.history()
    assert history is not None
    assert [info.name for info in history.optimizers] == ["SGD"]
    assert history.facts(Cadence)[0].subject == "optimizer 0"
    assert len(history.facts(Cadence)) == 1


def tensors() -> int:
    gc.collect()
    return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())


@pytest.mark.parametrize("on", ["the training's thread", "another thread", "at once"])
def test_after_recording_has_stopped_nothing_is_collected(
    on: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = train()
    before, count = surface(), tensors()
    if on == "at once":
        (tmp_path / "taken").write_text("")
        run = sf.watch(runs=tmp_path / "taken", every=1)
    else:
        run = sf.watch(runs=tmp_path, every=1)
        train(30, model)
    deferred = run.recorder.deferred
    if on == "another thread":
        failing = threading.Thread(target=run.recorder.fail, args=("the disk is full.",))
        failing.start()
        failing.join()
    elif on == "the training's thread":
        monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
        monkeypatch.setattr(RunWriter, "write", lambda *_, **__: 1 / 0)
        train(1, model)
    assert capfd.readouterr().err.count("recording has stopped") == 1
    steps = run.steps
    kept = weakref.ref(train(200, nn.Linear(4, 2)))
    train(100, model)
    run.log(val_loss=torch.ones(()), accuracy=0.5)
    assert kept() is None
    assert tensors() <= count + 2  # the model's own gradients
    assert len(deferred) == 0
    assert run.steps == steps
    assert not any(name for name, table in vars(torch_module).items() if "_global_forward" in name and table)
    run.close()
    assert same(before, surface())


def test_a_limit_and_a_clipper_outlive_the_recording(tmp_path: Path) -> None:
    clippers: list[sf.AutoClip] = []

    def make() -> sf.AutoClip:
        clippers.append(sf.AutoClip())
        return clippers[-1]

    for steps in (0, 7):
        run = Observation(begin_run("train.py", (), ""), runs=tmp_path, limit=12, make_clipper=make)
        run.begin()
        try:
            train(steps)
            run.recorder.fail("the disk is full.")
            with pytest.raises(SystemExit):
                train(50)
        finally:
            run.close()
    assert len(clippers) == 3
    assert clippers[-1].last is not None


def test_a_limit_of_backward_passes_outlives_the_recording(tmp_path: Path) -> None:
    run = Observation(begin_run("train.py", (), ""), runs=tmp_path, limit=5)
    run.begin()
    weight = torch.ones(3, requires_grad=True)

    def descend(passes: int) -> None:
        for _ in range(passes):
            (weight * 2).sum().backward()

    try:
        descend(2)
        run.recorder.fail("the disk is full.")
        with pytest.raises(SystemExit):
            descend(10)
    finally:
        run.close()
    assert weight.grad is not None
    assert weight.grad.tolist() == [10.0] * 3
