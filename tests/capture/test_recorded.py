"""What is recorded is right: every number against a loop that works it out the slow way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import surefoot as sf
from surefoot.errors import SettingError
from surefoot.facts import Cadence, Calls, Clearing, Clipper, Defect, Nonfinite, Reach, Scaler
from surefoot.records import History, Series


def history_of(run: sf.Observation) -> History:
    history = run.history()
    assert history is not None
    assert history.facts(Defect) == ()
    return history


def norm(tensors: Any) -> float:
    return float(sum(t.detach().double().square().sum() for t in tensors)) ** 0.5


def close(series: Series, expected: list[float], rtol: float = 1e-5) -> None:
    np.testing.assert_allclose(series.values, expected, rtol=rtol)
    assert series.steps.tolist() == list(range(1, len(expected) + 1))


def batches(count: int, size: int = 16) -> Iterator[tuple[Tensor, Tensor]]:
    for _ in range(count):
        yield torch.randn(size, 6), torch.randint(0, 3, (size,))


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


@pytest.mark.parametrize("clipper", [None, "autoclip", "max norm"])
def test_steps(clipper: str | None, tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(
        [{"params": model[0].parameters(), "lr": 0.5, "momentum": 0.3}, {"params": model[2].parameters()}],
        lr=0.2,
        momentum=0.9,
    )
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    chosen = {None: None, "autoclip": sf.AutoClip(50), "max norm": sf.ClipByNorm(0.4)}[clipper]
    losses, norms, thresholds, rates, micro = [], [], [], [], []
    layers: dict[str, list[list[float]]] = {"grad_norm": [], "param_norm": [], "update_norm": []}
    zero_shares = []
    with sf.watch(model, optimizer, clip=chosen, every=1, runs=tmp_path) as run:
        for step in range(12):
            count = 1 + step % 3
            parts = []
            for inputs, targets in batches(count):
                loss = F.cross_entropy(model(inputs), targets) / count
                loss.backward()
                parts.append(loss.item())
            losses.append(sum(parts))
            micro.append(count)
            rates.append(optimizer.param_groups[0]["lr"])
            gradients = [p.grad.clone() for p in model.parameters()]
            before = [p.detach().clone() for p in model.parameters()]
            norms.append(norm(gradients))
            thresholds.append(float(np.percentile(norms, 50)) if clipper == "autoclip" else 0.4)
            optimizer.step()
            layers["grad_norm"].append([norm([g]) for g in gradients])
            layers["param_norm"].append([norm([p]) for p in before])
            layers["update_norm"].append(
                [norm([p - b]) for p, b in zip(model.parameters(), before, strict=True)]
            )
            zero_shares.append([float((g == 0).double().mean()) for g in gradients])
            optimizer.zero_grad()
            schedule.step()
    history = history_of(run)
    close(history.series("loss"), losses)
    close(history.series("micro_steps"), micro)
    close(history.series("lr"), rates)
    close(history.series("grad_norm"), norms)
    assert np.all(np.diff(history.series("time").values) > 0)
    if clipper is None:
        assert len(history.series("clip_factor").finite) == len(history.series("clip_threshold").finite) == 0
    else:
        close(history.series("clip_threshold"), thresholds)
        close(
            history.series("clip_factor"), [min(1.0, t / n) for t, n in zip(thresholds, norms, strict=True)]
        )
        (fact,) = history.facts(Clipper)
        assert fact.name == type(chosen).__name__
    for quantity, expected in layers.items():
        layer = history.parameter_layer(quantity)
        assert layer.steps.tolist() == list(range(1, 13))
        tolerance = {"rtol": 1e-4, "atol": 1e-6}
        np.testing.assert_allclose(layer.values, expected, **tolerance)
    np.testing.assert_allclose(history.parameter_layer("grad_zero_share").values, zero_shares, atol=1e-6)
    assert np.all(history.parameter_layer("grad_nonfinite_share").values == 0)
    assert [p.name for p in history.parameters] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert [p.optimizer for p in history.parameters] == [0] * 4
    assert all(p.reached and p.in_model and p.module == "Linear" for p in history.parameters)
    assert history.optimizers[0].settings["momentum"] == 0.3
    assert (history.run.steps, history.run.backwards) == (12, sum(micro))


def test_several_optimizers_and_closures(tmp_path: Path) -> None:
    first, second = nn.Linear(3, 1), nn.Linear(3, 1)
    inputs = torch.randn(10, 3)
    adam = torch.optim.Adam(first.parameters(), 0.1)
    with sf.watch(runs=tmp_path, every=1) as run:
        lbfgs = torch.optim.LBFGS(second.parameters(), max_iter=3)
        losses: dict[str, list[float]] = {"Adam": [], "LBFGS": []}
        norms = []

        def closure() -> Tensor:
            lbfgs.zero_grad()
            loss = second(inputs).square().mean()
            loss.backward()
            return loss

        for _ in range(4):
            adam.zero_grad()
            loss = (first(inputs) - 1).square().mean()
            losses["Adam"].append(loss.item())
            loss.backward()
            adam.step()
            losses["LBFGS"].append(closure().item())
            norms.append(norm(p.grad for p in second.parameters()))
            lbfgs.zero_grad()
            lbfgs.step(closure)
    history = history_of(run)
    by_name = {info.name: info.index for info in history.optimizers}
    assert set(by_name) == {"Adam", "LBFGS"}
    for name, expected in losses.items():
        np.testing.assert_allclose(history.series("loss", by_name[name]).values, expected, rtol=1e-5)
    np.testing.assert_allclose(history.series("grad_norm", by_name["LBFGS"]).values, norms, rtol=1e-5)
    assert history.series("time", by_name["Adam"]).steps.tolist() == [1, 3, 5, 7]
    (cadence,) = [f for f in history.facts(Cadence) if f.subject == f"optimizer {by_name['LBFGS']}"]
    assert cadence.closure


@pytest.mark.parametrize("way", ["in place", "data", "new leaf", "autograd.grad"])
def test_descent_by_hand(way: str, tmp_path: Path) -> None:
    weight, inputs = torch.randn(3, 1, requires_grad=True), torch.randn(20, 3)
    targets = inputs @ torch.ones(3, 1)
    losses, norms = [], []
    with sf.watch(runs=tmp_path) as run:
        for _ in range(10):
            loss = (inputs @ weight - targets).square().mean()
            losses.append(loss.item())
            if way == "autograd.grad":
                (gradient,) = torch.autograd.grad(loss, [weight])
                norms.append(norm([gradient]))
                with torch.no_grad():
                    weight -= 0.1 * gradient
                continue
            loss.backward()
            norms.append(norm([weight.grad]))
            if way == "in place":
                with torch.no_grad():
                    weight -= 0.1 * weight.grad
                weight.grad = None
            elif way == "data":
                weight.data = weight.data - 0.1 * weight.grad
                weight.grad.zero_()
            else:
                weight = (weight - 0.1 * weight.grad).detach().requires_grad_()
    history = history_of(run)
    (info,) = history.optimizers
    assert (info.name, [p.name for p in history.parameters]) == ("by hand", ["weight"])
    # A new leaf shows at the next backward: the last one has none.
    count = 9 if way == "new leaf" else 10
    close(history.series("loss"), losses[:count])
    close(history.series("grad_norm"), norms[:count])
    calls = history.fact(Calls)
    assert calls is not None
    assert calls.manual
    clearing = history.fact(Clearing)
    assert clearing is not None
    assert clearing.uncleared == 0


def test_scaled_losses_and_skipped_steps(tmp_path: Path) -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=1000)
    losses, norms = [], []
    with sf.watch(runs=tmp_path) as run:
        for step, (inputs, targets) in enumerate(batches(8)):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(inputs), targets) * (float("inf") if step == 4 else 1)
            scaler.scale(loss).backward()
            if step != 4:
                losses.append(loss.item())
                norms.append(norm(p.grad / scaler.get_scale() for p in model.parameters()))
            scaler.step(optimizer)
            scaler.update()
    history = history_of(run)
    close(history.series("loss"), losses)
    close(history.series("grad_norm"), norms)
    fact = history.fact(Scaler)
    assert fact is not None
    assert (fact.scale_first, fact.scale_last, fact.skipped, fact.steps) == (1024.0, 512.0, 1, 8)


def test_sparse_and_missing_gradients(tmp_path: Path) -> None:
    words, unused = nn.Embedding(20, 4, sparse=True), nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([*words.parameters(), unused], 0.1)
    norms = []
    with sf.watch(runs=tmp_path, every=1) as run:
        for _ in range(5):
            optimizer.zero_grad()
            words(torch.randint(0, 20, (7,))).square().sum().backward()
            norms.append(norm([words.weight.grad.to_dense()]))
            optimizer.step()
    history = history_of(run)
    close(history.series("grad_norm"), norms)
    reach = history.fact(Reach)
    assert reach is not None
    assert reach.unreached == ("unused",)
    assert [p.received > 0 for p in history.parameters] == [True, False]


def test_nonfinite_numbers_are_kept(tmp_path: Path) -> None:
    weight = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], 0.1)
    with sf.watch(runs=tmp_path, every=1) as run:
        for factor in (1.0, float("inf"), float("nan")):
            optimizer.zero_grad()
            (weight * torch.tensor([factor, 1.0])).sum().backward()
            optimizer.step()
    history = history_of(run)
    np.testing.assert_array_equal(history.series("loss").values, [2.0, np.inf, np.nan])
    assert np.isinf(history.series("grad_norm").values[1])
    assert np.isnan(history.series("grad_norm").values[2])
    np.testing.assert_allclose(history.parameter_layer("grad_nonfinite_share").values[:, 0], [0, 0.5, 0.5])
    first = history.fact(Nonfinite)
    assert first is not None
    assert first.what == "loss"


def test_descent_by_torch_func(tmp_path: Path) -> None:
    inputs = torch.randn(20, 3)
    targets = inputs @ torch.ones(3)
    parameters = {"weight": torch.zeros(3), "bias": torch.zeros(())}

    def loss_of(given: dict[str, Tensor]) -> Tensor:
        return (inputs @ given["weight"] + given["bias"] - targets).square().mean()

    losses, norms = [], []
    with sf.watch(runs=tmp_path) as run:
        descend = torch.func.grad_and_value(loss_of)
        torch.func.vmap(torch.func.grad(lambda x: x.square()))(torch.ones(4))  # inside a transform: nothing
        for _ in range(6):
            gradients, loss = descend(parameters)
            losses.append(loss.item())
            norms.append(norm(gradients.values()))
            parameters = {name: p - 0.1 * gradients[name] for name, p in parameters.items()}
    history = history_of(run)
    # A step shows at the next call, where the tree holds other tensors.
    close(history.series("loss"), losses[:5])
    close(history.series("grad_norm"), norms[:5])
    calls = history.fact(Calls)
    assert calls is not None
    assert (calls.backwards, calls.steps) == (6, 5)


def test_gradients_asked_for_beside_an_optimizer_are_no_descent(tmp_path: Path) -> None:
    weight = torch.ones(3, requires_grad=True)
    with sf.watch(runs=tmp_path) as run:
        optimizer = torch.optim.SGD([weight], 0.1)
        for _ in range(4):
            optimizer.zero_grad()
            torch.autograd.grad(weight.square().sum(), (w for w in [weight]))
            torch.func.grad(lambda w: w.square().sum())(weight.detach())
            weight.square().sum().backward()
            optimizer.step()
    calls = history_of(run).fact(Calls)
    assert calls is not None
    assert (calls.backwards, calls.steps, calls.manual) == (4, 4, False)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("way", ["no_grad", "inference_mode", "eval"])
def test_validation_loss_is_found(reduction: str, way: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    held_out = [*batches(3), *batches(1, size=4)]
    criterion = nn.CrossEntropyLoss(reduction=reduction)
    expected = []
    contexts = {"no_grad": torch.no_grad, "inference_mode": torch.inference_mode, "eval": torch.enable_grad}
    with sf.watch(runs=tmp_path) as run:
        for _ in range(3):
            model.train()
            for inputs, targets in batches(4):
                optimizer.zero_grad()
                output = model(inputs)
                F.cross_entropy(output, targets).backward()
                with torch.no_grad():  # a figure of the training batch is no validation
                    F.cross_entropy(output.detach(), targets)
                optimizer.step()
            model.eval()
            with contexts[way]():
                total = 0.0
                for inputs, targets in held_out:
                    value = criterion(model(inputs), targets)
                    total += value.sum().item() * (len(targets) if reduction == "mean" else 1)
            expected.append(total / sum(len(t) for _, t in held_out))
    found = history_of(run).metric("val_loss")
    assert found.steps.tolist() == [4, 8, 12]
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)


@pytest.mark.parametrize("form", ["function", "lines"])
def test_the_validation_set_is_told_from_the_training_set(form: str, tmp_path: Path) -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    train, held_out = list(batches(3)), list(batches(2))
    expected = []

    def evaluate(data: list[tuple[Tensor, Tensor]]) -> float:
        with torch.no_grad():
            return sum(F.cross_entropy(model(x), y).item() for x, y in data) / len(data)

    with sf.watch(runs=tmp_path) as run:
        for _ in range(3):
            for inputs, targets in train:
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
            if form == "function":
                evaluate(train)
                expected.append(evaluate(held_out))
            else:
                (x, y), (vx, vy) = train[0], held_out[0]
                with torch.no_grad():
                    F.cross_entropy(model(x.clone()), y.clone())
                    expected.append(F.cross_entropy(model(vx), vy).item())
    found = history_of(run).metric("val_loss")
    np.testing.assert_allclose(found.values, expected, rtol=1e-5)


def test_a_logged_validation_loss_is_the_only_one(tmp_path: Path) -> None:
    model = nn.Linear(6, 3)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with sf.watch(runs=tmp_path) as run:
        for epoch in range(3):
            for inputs, targets in batches(2):
                optimizer.zero_grad()
                F.cross_entropy(model(inputs), targets).backward()
                optimizer.step()
            with torch.no_grad():
                F.cross_entropy(model(inputs), targets.roll(1))
            run.log(val_loss=float(epoch))
    assert history_of(run).metric("val_loss").values.tolist() == [0.0, 1.0, 2.0]


def test_logged_metrics(tmp_path: Path) -> None:
    weight = torch.ones(2, requires_grad=True)
    optimizer = torch.optim.SGD([weight], 0.1)
    with sf.watch(runs=tmp_path) as run:
        run.log(before=1)
        for step in range(3):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
            kept = torch.tensor([float(step)])
            run.log(accuracy=kept, epoch=step, val_loss=np.float32(0.5), flag=True)
            kept += 100  # what is logged is the value of now
        run.log(bad=float("nan"))
        with pytest.raises(SettingError, match="2"):
            run.log(accuracy=torch.ones(2))
    history = history_of(run)
    assert history.metric("before").steps.tolist() == [0]
    assert history.metric("accuracy").values.tolist() == [0.0, 1.0, 2.0]
    assert history.metric("accuracy").steps.tolist() == [1, 2, 3]
    assert history.metric("val_loss").values.tolist() == [0.5] * 3
    assert np.isnan(history.metric("bad").values).all()


def test_dead_units(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 8), nn.Sigmoid(), nn.Linear(8, 1))
    with torch.no_grad():
        model[0].bias[:3] = -1e6
        model[2].weight.mul_(1e4)
    optimizer = torch.optim.SGD(model.parameters(), 1e-6)
    with sf.watch(runs=tmp_path) as run:
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randn(256, 4)).square().mean().backward()
            optimizer.step()
    history = history_of(run)
    assert [(a.name, a.units) for a in history.activations] == [
        ("relu after 0.weight", 10),
        ("sigmoid after 2.weight", 8),
    ]
    dead = history.activation_layer("dead_share").values
    np.testing.assert_allclose(dead[:, 0], 0.3, atol=1e-6)
    assert np.isnan(dead[:, 1]).all()
    assert (history.activation_layer("saturated_share").values[:, 1] > 0.9).all()


def test_what_the_run_depended_on(tmp_path: Path) -> None:
    torch.manual_seed(77)
    with sf.watch(runs=tmp_path, name="mine") as run:
        pass
    kept = history_of(run).run
    assert kept.name == "mine"
    assert kept.environment["torch"] == torch.__version__
    assert kept.environment["seeds"]["torch"] == 77
    assert kept.environment["device"] in ("cpu", "cuda", "mps", "xpu")
    assert (kept.status, kept.steps, kept.backwards) == ("finished", 0, 0)
