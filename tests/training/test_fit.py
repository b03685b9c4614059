"""What `fit` does beside descending: guards, divergence, validation, modes, observation, and what it refuses."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from surefoot.clipping import AutoClip, attached
from surefoot.errors import MissingExtra, SettingError
from surefoot.optimizers import optimizer as make_optimizer
from surefoot.training import fit
from surefoot.training.checkpoint import read_checkpoint, read_index
from surefoot.training.divergence import Divergence
from surefoot.training.guard import surely_finite

from .tasks import network, regression, same

X, Y = regression()


def train(model=None, loss=None, data=None, **options):
    given = {"lr": 1e-2, "batch_size": 8, "observe": False, **options}
    if "steps" not in given and "epochs" not in given:
        given["epochs"] = 2
    return fit(model or network(), loss or nn.MSELoss(), data or (X, Y), **given)


# ---- gradients that are not finite


@pytest.mark.parametrize("clip", ["auto", None, 1.0])
@pytest.mark.parametrize("name", ["sgd", "adamw", "muon", "lbfgs"])
@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_gradients_that_are_not_finite_never_reach_the_weights(clip, name, poison):
    calls = 0
    finite = []

    def loss(model, batch):
        nonlocal calls
        calls += 1
        value = nn.functional.mse_loss(model(batch[0]), batch[1])
        return value * poison if calls in (3, 4) else value

    def after_each_step(step):
        finite.append(all(torch.isfinite(p).all() for p in model.parameters()))
        return 1.0

    model = network()
    result = train(model, loss, optimizer=name, clip=clip, steps=8, schedule=after_each_step)
    assert result.ended == "finished"
    assert result.steps == 8
    assert len(finite) >= 9
    assert all(finite)
    # lbfgs meets the poison within a line search, after the first evaluation that the loss is of.
    assert name == "lbfgs" or not np.isfinite(result.losses).all()


def test_a_poisoned_step_leaves_weights_and_optimizer_state_as_they_were():
    states = []

    def loss(model, batch):
        states.append([p.detach().clone() for p in model.parameters()])
        value = nn.functional.mse_loss(model(batch[0]), batch[1])
        return value / 0 if len(states) == 3 else value

    train(nn.Linear(5, 1), loss, steps=5)
    assert all(torch.equal(a, b) for a, b in zip(states[2], states[3], strict=True))
    assert not torch.equal(states[3][0], states[4][0])


# ---- divergence


def explosive():
    torch.manual_seed(0)
    return nn.Linear(5, 1, bias=False)


def test_divergence_stops_and_says_why():
    result = train(explosive(), optimizer="gd", lr=3.0, clip=None, epochs=40)
    assert result.ended == "diverged"
    assert "times what it was at the start" in result.reason or "not finite" in result.reason
    assert result.steps < 40 * 9


def test_divergence_rewinds_to_the_last_good_checkpoint_at_half_the_rate(tmp_path, capsys):
    given = {"optimizer": "gd", "lr": 3.0, "clip": None, "epochs": 60, "on_divergence": "rewind"}
    kept = train(explosive(), folder=tmp_path / "kept", **given)
    assert kept.ended == "finished"
    assert kept.rewinds
    factors = [factor for _, _, factor in kept.rewinds]
    assert factors == [0.5**k for k in range(1, len(factors) + 1)]
    assert all(back < left for left, back, _ in kept.rewinds)
    assert kept.optimizer.param_groups[0]["lr"] == 3.0 * factors[-1]
    assert len(kept.losses) == kept.steps == 60 * 9
    assert kept.losses[-50:].mean() < 3 * kept.losses[:3].mean()
    assert "back to step 0 at 0.5 times the learning rate" in capsys.readouterr().err
    in_memory = train(explosive(), **given)
    assert in_memory.rewinds == kept.rewinds
    assert np.array_equal(in_memory.losses, kept.losses)
    assert same(in_memory.model, kept.model)


def test_rewinding_gives_up_in_the_end():
    def poisoned(model, batch):
        return model(batch[0]).mean() * float("nan")

    result = train(loss=poisoned, on_divergence="rewind", steps=60)
    assert result.ended == "diverged"
    assert len(result.rewinds) == 5


def test_what_counts_as_divergence():
    watch = Divergence()
    assert watch.seen([1.0] * 10 + [50.0] * 20) is None
    assert not watch.healthy
    assert watch.seen([1.0] * 10) is None
    assert watch.healthy
    assert watch.seen([float("nan")] * 9) is None
    assert not watch.healthy
    assert "not finite" in watch.seen([float("inf")])
    assert Divergence().seen([-1.0] * 10 + [-1e6] * 20) is None, "a loss below zero has no such scale"
    assert "1000 times" in Divergence().seen([1.0] * 10 + [2000.0] * 10)


# ---- validation


def test_validation_is_the_mean_over_all_examples_and_leaves_no_trace(tmp_path):
    x, y = regression(37, seed=4)
    seen = []

    def error(output, target):
        seen.append(torch.is_grad_enabled())
        return (output - target).abs().mean()

    model = network()
    result = train(model, validate=(x, y), metrics={"error": error}, epochs=3)
    assert result.validations[-1]["step"] == 27
    model.eval()
    with torch.no_grad():
        assert result.validations[-1]["val_loss"] == pytest.approx(nn.functional.mse_loss(model(x), y).item())
        assert result.validations[-1]["val_error"] == pytest.approx((model(x) - y).abs().mean().item())
    assert not any(seen)
    unvalidated = train(epochs=3)
    assert np.array_equal(unvalidated.losses, result.losses), (
        "validation draws no random number, changes no mode"
    )
    assert same(unvalidated.model, model)


def test_modes_that_were_set_on_purpose_stay():
    model = network()
    model[1].eval()
    before = model[1].running_mean.clone()
    train(model, validate=(X, Y))
    assert not model[1].training
    assert model[0].training
    assert torch.equal(model[1].running_mean, before)
    loaded = network().eval()
    train(loaded)
    assert all(module.training for module in loaded.modules())


def test_early_stopping_and_the_best_weights(tmp_path):
    def rising(model, batch):
        return model.weight.square().sum()

    class One(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.tensor([3.0]))

    away = (torch.ones(8, 1), torch.ones(8, 1))

    # Training pulls the weight to 0, validation wants it at 2: it gets better, then worse.
    def wanted(model, batch):
        return (model.weight - 2).square().sum() if not torch.is_grad_enabled() else rising(model, batch)

    given = {
        "optimizer": "gd",
        "lr": 0.01,
        "clip": None,
        "validate": away,
        "validate_every": 1,
        "patience": 3,
    }
    for folder in (None, tmp_path / "kept"):
        result = train(One(), wanted, away, **given, steps=400, restore_best=True, folder=folder)
        assert result.ended == "stopped early"
        assert result.steps == result.best_step + 3
        losses = [found["val_loss"] for found in result.validations]
        assert result.best_loss == min(losses)
        assert (result.model.weight.item() - 2) ** 2 == pytest.approx(result.best_loss, abs=1e-6)
    best = read_checkpoint(tmp_path / "kept", "best")
    assert best["position"]["step"] == result.best_step
    assert read_checkpoint(tmp_path / "kept", "last")["position"]["step"] == result.steps
    again = train(One(), wanted, away, **given, steps=400, folder=tmp_path / "kept", resume=True)
    assert again.ended == "stopped early"
    assert again.steps == result.steps


def test_checkpoints_are_safetensors_and_json(tmp_path):
    from safetensors.torch import load_file

    result = train(folder=tmp_path, validate=(X, Y))
    index = read_index(tmp_path)
    assert set(index) == {"last", "best", "good"}
    files = {path.name for path in (tmp_path / index["last"]).iterdir()}
    assert files == {"model.safetensors", "training.safetensors", "state.json", "SHA256SUMS"}
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoints.json", *index.values()}
    fresh = network(seed=8)
    fresh.load_state_dict(load_file(tmp_path / index["last"] / "model.safetensors"))
    assert same(fresh, result.model)


def test_tied_weights_and_extra_state_survive(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(5, 5)
            self.second = nn.Linear(5, 5)
            self.second.weight = self.first.weight
            self.told = 0

        def forward(self, x):
            self.told += 1
            return self.second(self.first(x)).sum(1, keepdim=True)

        def get_extra_state(self):
            return {"told": self.told}

        def set_extra_state(self, state):
            self.told = state["told"]

    def model():
        torch.manual_seed(0)
        return Tied()

    whole = train(model(), epochs=4)
    train(model(), epochs=2, folder=tmp_path)
    parts = train(model(), epochs=4, folder=tmp_path, resume=True)
    assert parts.model.told == whole.model.told == 36
    assert torch.equal(parts.model.second.weight, whole.model.second.weight)
    assert parts.model.second.weight is parts.model.first.weight


# ---- forms of losses and batches


def test_models_that_return_their_loss():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(5, 1)

        def forward(self, x, labels):
            return {"loss": (self.layer(x) - labels).square().mean()}

    torch.manual_seed(0)
    result = fit(Own(), None, {"x": X, "labels": Y}, epochs=4, lr=0.05, observe=False)
    assert result.losses[-1] < result.losses[0]


def test_several_inputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Bilinear(5, 5, 1)

        def forward(self, a, b):
            return self.layer(a, b)

    assert train(Two(), data=(X, X, Y)).steps == 18


def test_bf16_and_back():
    model = network()
    result = train(model, mixed_precision="bf16")
    assert np.isfinite(result.losses).all()
    assert "forward" not in vars(model), "the model is the user's own again"
    assert model(X).dtype == torch.float32
    assert next(model.parameters()).dtype == torch.float32
    assert not np.array_equal(result.losses, train().losses)


# ---- what is left behind


def test_the_clipper_is_taken_off_again_unless_it_was_there():
    result = train()
    assert attached(result.optimizer) is None
    model = network()
    optimizer = make_optimizer("adamw", model)
    clipper = AutoClip().attach(optimizer)
    fit(model, nn.MSELoss(), (X, Y), optimizer=optimizer, clip=clipper, epochs=1, observe=False)
    assert attached(optimizer) is clipper


def test_hooks_are_taken_back_after_an_error():
    def broken(model, batch):
        raise RuntimeError("mine")

    model = network()
    optimizer = make_optimizer("adamw", model)
    with pytest.raises(RuntimeError, match="mine"):
        fit(model, broken, (X, Y), optimizer=optimizer, epochs=1, observe=False)
    assert attached(optimizer) is None


def test_the_run_holds_losses_rates_and_validations(tmp_path):
    from surefoot.store.reader import open_run

    result = train(
        observe=True,
        runs=tmp_path,
        validate=(X, Y),
        schedule="linear(18)",
        epochs=2,
        name="mine",
        accumulate=1,
    )
    with open_run(result.run) as reader:
        history = reader.history()
    assert history.run.status == "finished"
    assert history.run.steps == 18
    np.testing.assert_allclose(history.series("loss").values, result.losses, rtol=1e-6)
    np.testing.assert_allclose(
        history.series("lr").values, [1e-2 * (1 - t / 18) for t in range(18)], rtol=1e-6
    )
    recorded = history.metric("val_loss")
    for found in result.validations:
        at = recorded.values[recorded.steps == found["step"]]
        assert np.isclose(at, found["val_loss"]).any()
    assert np.isfinite(history.series("clip_threshold").values).all()
    assert not [finding for finding in result.findings if finding.severity == "error"]


def test_a_diverged_run_says_so(tmp_path):
    from surefoot.store.reader import open_run

    result = train(explosive(), optimizer="gd", lr=3.0, clip=None, epochs=40, observe=True, runs=tmp_path)
    with open_run(result.run) as reader:
        run = reader.history().run
    assert run.status == "stopped"
    assert result.reason == run.error


def test_the_progress_line(capsys):
    train(progress=True)
    assert "18/18" in capsys.readouterr().err
    train(progress=False)
    assert capsys.readouterr().err == ""


# ---- refusals


REFUSALS = {
    "model": ({"model": 3}, "model is a int"),
    "no length": ({"epochs": None}, "either epochs or steps"),
    "two lengths": ({"steps": 3}, "either epochs or steps"),
    "epochs": ({"epochs": 0}, "epochs is 0"),
    "batch": ({"batch_size": "ful"}, "batch_size is 'ful'"),
    "batch zero": ({"batch_size": 0}, "batch_size is 0"),
    "accumulate": ({"accumulate": 0}, "accumulate is 0"),
    "seed": ({"seed": -1}, "seed is -1"),
    "patience": ({"patience": 2}, "patience is given and there is nothing to validate on"),
    "best": ({"restore_best": True}, "restore_best is given"),
    "divergence": ({"on_divergence": "pray"}, "on_divergence is 'pray'"),
    "checkpoints": ({"checkpoint_every": 3}, "no folder for checkpoints"),
    "precision": ({"mixed_precision": "fp4"}, "mixed_precision is 'fp4'"),
    "clip": ({"clip": "always"}, "clip is 'always'"),
    "loss": ({"loss": 3}, "loss is a int"),
    "unreduced": (
        {"loss": nn.MSELoss(reduction="none")},
        r"tensor of shape \(8, 1\): let it return a scalar",
    ),
    "no target": ({"data": X}, r"the batch is a tuple|needs \(input, …, target\)"),
    "dictionary": ({"data": {"x": X, "y": Y}}, r"needs \(input, …, target\)"),
    "own loss": ({"loss": None, "data": (X,)}, "without a loss"),
    "optimizer": ({"optimizer": "adamx"}, "no optimizer named 'adamx'"),
    "optimizer kind": ({"optimizer": {"lr": 1}}, "a dictionary with a 'name'"),
    "schedule": ({"schedule": "cosin(3)"}, "no schedule named 'cosin'"),
    "schedule epochs": (
        {
            "schedule": "cosine(epochs(3))",
            "batch_size": None,
            "data": ((X[i : i + 2], Y[i : i + 2]) for i in (0, 2)),
        },
        "iterator",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusals_are_one_clear_sentence(case):
    options, message = REFUSALS[case]
    given = {
        "model": network(),
        "loss": nn.MSELoss(),
        "data": (X, Y),
        "epochs": 1,
        "batch_size": 8,
        **options,
    }
    with pytest.raises(SettingError, match=message) as caught:
        fit(given.pop("model"), given.pop("loss"), given.pop("data"), **given, observe=False)
    assert "\n" not in str(caught.value)


def test_lr_beside_an_optimizer_is_refused():
    model = network()
    with pytest.raises(SettingError, match="lr is given beside an optimizer"):
        fit(
            model,
            nn.MSELoss(),
            (X, Y),
            optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
            lr=2.0,
            epochs=1,
        )


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(
        MissingExtra, match=r"need Accelerate, which is not installed: pip install 'surefoot\[train\]'"
    ):
        train()


def test_the_room_loads_lazily():
    code = (
        "import sys, surefoot.training as t; assert 'torch' not in sys.modules; "
        "t.fit; assert 'accelerate' not in sys.modules and 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the guard where nothing clips


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_plain_gradients_are_told_to_be_finite_or_not(dtype, bad):
    gradients = [
        torch.ones(3, 2, dtype=dtype),
        torch.zeros(2, dtype=dtype).expand(4, 2),
        torch.ones(2, 2, dtype=dtype).t(),
    ]
    assert surely_finite(gradients)
    assert surely_finite([])
    spoilt = torch.ones(50, dtype=dtype)
    spoilt[7], spoilt[8] = bad, -bad
    assert not surely_finite([*gradients, spoilt])


def test_what_cannot_be_told_is_not_called_finite():
    assert not surely_finite([torch.full((2,), 3e38)])  # finite, and its sum is not
    assert not surely_finite([torch.ones(2, device="meta")])
    assert not surely_finite([torch.nn.Parameter(torch.ones(2))])


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.EmbeddingBag(9, 3, sparse=True)

    def forward(self, x):
        return self.words(x).sum(1, keepdim=True)


@pytest.mark.parametrize("spoil", [False, True])
def test_sparse_gradients_are_guarded_without_a_clipper(spoil):
    model = Bag()
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        value = nn.functional.mse_loss(model(batch[0]), batch[1])
        return value * float("nan") if spoil and calls == 2 else value

    words = torch.randint(0, 9, (12, 4), generator=torch.Generator().manual_seed(0))
    before = model.words.weight.detach().clone()
    result = fit(
        model, loss, (words, torch.ones(12, 1)), optimizer=torch.optim.SGD(model.parameters(), lr=0.1), batch_size=4,
        epochs=2, clip=None, observe=False, progress=False,
    )  # fmt: skip
    assert result.ended == "finished"
    assert torch.isfinite(model.words.weight).all()
    assert not torch.equal(model.words.weight, before)


def test_the_guard_counts_steps_in_a_row_only():
    calls = 0

    def loss(model, batch):
        nonlocal calls
        calls += 1
        value = nn.functional.mse_loss(model(batch[0]), batch[1])
        return value * float("nan") if calls % 2 else value

    assert train(loss=loss, clip=None, steps=60).ended == "finished"

    def never(model, batch):
        return nn.functional.mse_loss(model(batch[0]), batch[1]) * float("nan")

    assert train(loss=never, clip=None, steps=60).ended == "diverged"
