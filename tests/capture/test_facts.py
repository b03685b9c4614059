"""The facts of docs/facts.md, each from a loop that has it and one that has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, TensorDataset

import surefoot as sf
from surefoot.facts import (
    BatchInput,
    Cadence,
    Calls,
    ClearedBeforeStep,
    Clearing,
    ClipCall,
    Defect,
    Fact,
    LinearPair,
    Loader,
    LossCall,
    ManualLoss,
    MissingGradients,
    Model,
    OptimizerCreated,
    Reach,
    Scheduler,
    Symmetry,
    TrainingMode,
    ValidationMode,
)
from surefoot.records import History
from surefoot.rules import get_rule

STEPS = 12
_F = TypeVar("_F", bound=Fact)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Dropout(0.1), nn.Linear(12, 3))


def batch(size: int = 16) -> tuple[Tensor, Tensor]:
    return torch.randn(size, 6), torch.randint(0, 3, (size,))


class Watched:
    """A model, its optimizer and what was seen of a loop over them."""

    def __init__(self, folder: Path, loop: Callable[[Watched], None], model: nn.Module | None = None) -> None:
        with sf.watch(runs=folder) as self.run:
            self.model = model or network()
            self.optimizer = torch.optim.SGD(self.model.parameters(), 0.05, momentum=0.9)
            loop(self)
        history = self.run.history()
        assert history is not None
        assert history.facts(Defect) == ()
        self.history: History = history

    def fact(self, kind: type[_F], subject: str | None = None) -> _F:
        found = self.history.fact(kind, subject)
        assert found is not None, f"no {kind.kind} in {sorted({f.kind for f in self.history.all_facts})}"
        return found

    def backward(self) -> Tensor:
        inputs, targets = batch()
        loss = F.cross_entropy(self.model(inputs), targets)
        loss.backward()
        return loss


def clear_none(w: Watched) -> None:
    pass


def clear_usual(w: Watched) -> None:
    w.optimizer.zero_grad()


def clear_to_zero(w: Watched) -> None:
    w.optimizer.zero_grad(set_to_none=False)


def clear_model(w: Watched) -> None:
    w.model.zero_grad()


def clear_model_to_zero(w: Watched) -> None:
    w.model.zero_grad(set_to_none=False)


def clear_data(w: Watched) -> None:
    for p in w.model.parameters():
        if p.grad is not None:
            p.grad.data.zero_()


def clear_by_assignment(w: Watched) -> None:
    for p in w.model.parameters():
        p.grad = None


CLEARINGS = [
    clear_usual,
    clear_to_zero,
    clear_model,
    clear_model_to_zero,
    clear_data,
    clear_by_assignment,
    clear_none,
]


@pytest.mark.parametrize("clear", CLEARINGS)
@pytest.mark.parametrize("after", [False, True])
def test_clearing(clear: Callable[[Watched], None], after: bool, tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            if not after:
                clear(w)
            w.backward()
            w.optimizer.step()
            if after:
                clear(w)

    fact = Watched(tmp_path, loop).fact(Clearing, "optimizer 0")
    if clear is clear_none:
        assert (fact.cleared, fact.uncleared, fact.first_uncleared) == (0, STEPS - 1, 2)
        assert fact.leftover_norm > 0
    elif clear is clear_data:
        # Out of autograd's sight, so the version counter has not moved: what was left over tells, its norm is 0.
        assert fact.cleared == STEPS - 1 or fact.leftover_norm == 0
    else:
        assert (fact.cleared, fact.uncleared) == (STEPS - 1, 0)


def test_accumulation_is_no_missing_clearing(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            for _ in range(3):
                w.backward()
            w.optimizer.step()
            w.optimizer.zero_grad()

    seen = Watched(tmp_path, loop)
    assert seen.fact(Clearing).uncleared == 0
    cadence = seen.fact(Cadence)
    assert (cadence.micro_steps, cadence.regular) == (3, 1.0)
    assert (cadence.steps, cadence.backwards, cadence.steps_without_backward) == (
        STEPS,
        3 * STEPS,
        0,
    )
    assert "w.optimizer.step()" in cadence.step_place
    assert "loss.backward()" in cadence.backward_place


@pytest.mark.parametrize("clear", [clear_usual, clear_to_zero, clear_by_assignment])
def test_cleared_before_the_step(clear: Callable[[Watched], None], tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for step in range(STEPS):
            w.backward()
            if step % 2:
                clear(w)
            w.optimizer.step()
            w.optimizer.zero_grad()

    seen = Watched(tmp_path, loop)
    fact = seen.fact(ClearedBeforeStep)
    assert (fact.count, fact.of) == (STEPS // 2, STEPS)
    (finding,) = get_rule("grads-cleared-before-step").findings(seen.history)
    assert finding.where == fact.step_place
    assert "w.optimizer.step()" in fact.step_place


def test_clipping_is_no_clearing_before_the_step(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for step in range(STEPS):
            w.optimizer.zero_grad()
            w.backward()
            nn.utils.clip_grad_norm_(w.model.parameters(), 0.01 if step % 2 else 1e6)
            w.optimizer.step()

    seen = Watched(tmp_path, loop)
    assert seen.fact(ClearedBeforeStep).count == 0
    assert seen.fact(Clearing).uncleared == 0
    fact = seen.fact(ClipCall)
    assert (fact.function, fact.count, fact.after_step, fact.scaled) == (
        "clip_grad_norm_",
        STEPS,
        0,
        0,
    )
    assert (fact.covered, fact.clipped) == (1.0, pytest.approx(0.5, abs=0.51))
    assert 0.01 < fact.norm < 10


def test_clipping_that_comes_too_late_or_covers_a_part(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            w.backward()
            nn.utils.clip_grad_value_(list(w.model.parameters())[:1], clip_value=1e-3)
            w.optimizer.step()
            torch.nn.utils.clip_grad_norm_(w.model.parameters(), max_norm=1.0)

    seen = Watched(tmp_path, loop)
    facts = {fact.function: fact for fact in seen.history.facts(ClipCall)}
    assert facts["clip_grad_value_"].covered == 0.25
    assert facts["clip_grad_value_"].limit == 1e-3
    assert facts["clip_grad_norm_"].after_step == STEPS
    assert facts["clip_grad_norm_"].limit == 1.0


def test_steps_without_backward_and_without_gradients(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            w.backward()
            w.optimizer.step()
            w.optimizer.step()
        w.optimizer.zero_grad()
        w.optimizer.step()

    seen = Watched(tmp_path, loop)
    cadence = seen.fact(Cadence)
    assert (cadence.steps_without_backward, cadence.first_without_backward) == (STEPS + 1, 2)
    assert seen.fact(MissingGradients).steps_without_any == 1


def test_an_optimizer_that_never_steps(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            w.backward()

    seen = Watched(tmp_path, loop)
    calls = seen.fact(Calls)
    assert (calls.backwards, calls.steps, calls.optimizers_created, calls.optimizers_stepped) == (
        12,
        0,
        1,
        0,
    )
    created = seen.fact(OptimizerCreated, "unstepped 0")
    assert (created.class_name, created.parameters, created.trainable, created.stepped) == (
        "SGD",
        4,
        4,
        False,
    )
    assert "self.optimizer = torch.optim.SGD" in created.place


def test_modes(tmp_path: Path) -> None:
    def evaluate(w: Watched) -> None:
        with torch.no_grad():
            for _ in range(3):
                w.model(batch()[0])

    def loop(w: Watched) -> None:
        for epoch in range(3):
            for _ in range(4):
                w.optimizer.zero_grad()
                w.backward()
                w.optimizer.step()
            if epoch == 0:
                w.model.eval()  # and never back
            evaluate(w)

    seen = Watched(tmp_path / "a", loop)
    training = seen.fact(TrainingMode)
    assert (training.looked, training.in_eval, training.first_in_eval) == (12, 8, 5)
    assert (training.switched, training.partial, training.modules) == (True, False, ("2",))
    assert seen.fact(ValidationMode).in_train == 0

    def never_eval(w: Watched) -> None:
        for _ in range(3):
            for _ in range(4):
                w.optimizer.zero_grad()
                w.backward()
                w.optimizer.step()
            evaluate(w)

    seen = Watched(tmp_path / "b", never_eval)
    assert seen.fact(TrainingMode).in_eval == 0
    validation = seen.fact(ValidationMode)
    assert validation.in_train == validation.looked > 0
    assert "w.model(batch()[0])" in validation.place


@pytest.mark.parametrize("order", ["usual", "ahead"])
def test_schedulers(order: str, tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        warm = lr_scheduler.LinearLR(w.optimizer, 0.1, total_iters=3)
        cool = lr_scheduler.CosineAnnealingLR(w.optimizer, 9)
        schedule = lr_scheduler.SequentialLR(w.optimizer, [warm, cool], milestones=[3])
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            w.backward()
            if order == "ahead":
                schedule.step()
            w.optimizer.step()
            if order == "usual":
                schedule.step()

    seen = Watched(tmp_path, loop)
    (fact,) = seen.history.facts(Scheduler)  # those inside it are its own business
    assert (fact.class_name, fact.steps, fact.per_step) == ("SequentialLR", STEPS, 1.0)
    assert fact.before_first_step == (order == "ahead")
    assert fact.ahead == (STEPS if order == "ahead" else 0)


def test_a_plateau_scheduler_is_one_too(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        schedule = lr_scheduler.ReduceLROnPlateau(w.optimizer, patience=1)
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            loss = w.backward()
            w.optimizer.step()
            schedule.step(loss.detach())

    (fact,) = Watched(tmp_path, loop).history.facts(Scheduler)
    assert (fact.class_name, fact.steps, fact.ahead) == ("ReduceLROnPlateau", STEPS, 0)


def test_loaders(tmp_path: Path) -> None:
    data = TensorDataset(*batch(48))

    def loop(w: Watched) -> None:
        training = DataLoader(data, 8, shuffle=True, drop_last=True)
        held_out = DataLoader(data, 24)
        for _ in range(2):
            w.model.train()
            for inputs, targets in training:
                w.optimizer.zero_grad()
                F.cross_entropy(w.model(inputs), targets).backward()
                w.optimizer.step()
            w.model.eval()
            with torch.no_grad():
                for inputs, targets in held_out:
                    F.cross_entropy(w.model(inputs), targets)

    seen = Watched(tmp_path, loop)
    facts = {fact.phase: fact for fact in seen.history.facts(Loader)}
    train, validation = facts["train"], facts["validation"]
    assert (train.shuffled, train.batch_size, train.dataset_size, train.drop_last) == (
        True,
        8,
        48,
        True,
    )
    assert (train.iterations, train.sampler) == (2, "RandomSampler")
    assert (validation.shuffled, validation.batch_size, validation.iterations) == (False, 24, 2)
    assert "in training" in train.place
    assert [fact.phase for fact in seen.history.facts(LossCall)] == ["train", "validation"]


def steps_of(loss_of: Callable[[nn.Module, Tensor, Tensor], Tensor]) -> Callable[[Watched], None]:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            loss_of(w.model, *batch()).backward()
            w.optimizer.step()

    return loop


def test_a_softmax_in_front_of_its_loss(tmp_path: Path) -> None:
    seen = Watched(
        tmp_path, steps_of(lambda m, x, y: F.cross_entropy(m(x).softmax(1), y, label_smoothing=0.1))
    )
    fact = seen.fact(LossCall)
    assert fact.chain[0] == "SoftmaxBackward0"
    assert (fact.softmax_dim, fact.function, fact.reduction) == (1, "cross_entropy", "mean")
    assert (fact.rowsum_min, fact.rowsum_max) == (pytest.approx(1), pytest.approx(1))
    assert (fact.input_shape, fact.target_shape, fact.classes, fact.batch_size) == (
        (16, 3),
        (16,),
        3,
        16,
    )
    assert (fact.phase, fact.count, fact.label_smoothing, fact.weighted) == (
        "train",
        STEPS,
        0.1,
        False,
    )
    assert (fact.integer_target, fact.target_distinct, fact.target_dtype) == (True, 3, "int64")
    plain = Watched(tmp_path, steps_of(lambda m, x, y: nn.CrossEntropyLoss()(m(x), y))).fact(LossCall)
    assert plain.chain == ("AddmmBackward0",)
    assert "lambda m, x, y: nn.CrossEntropyLoss()" in plain.place


def test_broadcasting_by_a_loss_and_by_hand(tmp_path: Path) -> None:
    model = nn.Linear(6, 1)
    by_loss = Watched(tmp_path, steps_of(lambda m, x, y: F.mse_loss(m(x), y.float())), model).fact(LossCall)
    assert (by_loss.input_shape, by_loss.target_shape) == ((16, 1), (16,))
    by_hand = steps_of(lambda m, x, y: ((m(x) - y.float()) ** 2).mean())
    fact = Watched(tmp_path, by_hand, nn.Linear(6, 1)).fact(ManualLoss)
    assert (fact.broadcast.shapes, fact.broadcast.to) == (((16, 1),), (16, 16))
    assert fact.sum_root is False
    right = steps_of(lambda m, x, y: ((m(x)[:, 0] - y.float()) ** 2).sum())
    fact = Watched(tmp_path, right, nn.Linear(6, 1)).fact(ManualLoss)
    assert fact.broadcast is None
    assert fact.sum_root is True


class Two(nn.Module):
    """Two outputs of one size: of a prediction and of a target that is computed too."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(6, 1)
        self.b = nn.Linear(6, 1)


MET = {
    "difference": lambda m, x: (m.a(x) - m.b(x).squeeze(1)) ** 2,
    "turned": lambda m, x: (m.b(x)[:, 0] - m.a(x)).abs(),
    "product": lambda m, x: -m.a(x)[:, 0].tanh() * m.b(x),
    "quotient": lambda m, x: m.a(x) / (1 + m.b(x).flatten() ** 2),
    "inner": lambda m, x: torch.log1p((m.a(x).exp() - m.b(x).view(-1)).square()),
}
MEANT = {
    "same shape": lambda m, x: (m.a(x) - m.b(x)) ** 2,
    "squeezed both": lambda m, x: (m.a(x)[:, 0] - m.b(x).squeeze(1)) ** 2,
    "written out": lambda m, x: (m.a(x) - m.b(x).T) ** 2,
    "unsqueezed": lambda m, x: (m.a(x)[:, 0].unsqueeze(1) - m.b(x)[:, 0]) ** 2,
    "by None": lambda m, x: m.a(x)[:, 0][:, None] - m.b(x)[:, 0],
    "with itself": lambda m, x: (lambda p: (p - p.view(-1)) ** 2)(m.a(x)),
    "distances": lambda m, x: (
        m.a(x).square().sum(1, keepdim=True) + m.b(x).square().sum(1) - 2 * m.a(x) @ m.b(x).T
    ),
    "a row for all": lambda m, x: (m.a(x) - m.b(x).mean()) ** 2,
    "a parameter": lambda m, x: m.a(x) * m.b.weight[0],
}


@pytest.mark.parametrize("name", MET)
def test_two_computed_operands_stretched(name: str, tmp_path: Path) -> None:
    seen = Watched(tmp_path, steps_of(lambda m, x, y: MET[name](m, x).mean()), Two())
    assert sorted(seen.fact(ManualLoss).broadcast.shapes) == [(16,), (16, 1)]
    finding = next(get_rule("broadcast-loss").findings(seen.history))
    assert finding.title.endswith("to [16, 16]: all pairs are compared.")
    assert sorted([finding.evidence["shape"], finding.evidence["against"]]) == [[16], [16, 1]]
    assert "loss_of(w.model, *batch()).backward()" in str(finding.where)


@pytest.mark.parametrize("name", MEANT)
def test_two_computed_operands_as_meant(name: str, tmp_path: Path) -> None:
    seen = Watched(tmp_path, steps_of(lambda m, x, y: MEANT[name](m, x).mean()), Two())
    assert seen.fact(ManualLoss).broadcast is None
    assert not list(get_rule("broadcast-loss").findings(seen.history))


def test_root_over_loss(tmp_path: Path) -> None:
    for factor in (0.25, -1.0, 1.0):
        seen = Watched(tmp_path, steps_of(lambda m, x, y, f=factor: f * F.cross_entropy(m(x), y)))  # type: ignore[misc]
        assert seen.fact(Cadence).root_over_loss == pytest.approx(factor)


def test_linear_pairs_and_symmetry(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[1].weight.fill_(0.1)
    seen = Watched(tmp_path, steps_of(lambda m, x, y: F.cross_entropy(m(x), y)), model)
    (pair,) = seen.history.facts(LinearPair)
    assert (pair.first, pair.second, pair.layers, pair.bottleneck) == (
        "0.weight",
        "1.weight",
        2,
        False,
    )
    symmetric = seen.fact(Symmetry, "1.weight")
    assert (symmetric.constant, symmetric.units) == (True, 8)
    assert symmetric.first == pytest.approx(0, abs=1e-6)
    usual = seen.fact(Symmetry, "0.weight")
    assert usual.first > 0.3
    assert not usual.constant
    assert seen.fact(Symmetry, "3.weight").is_output
    assert (
        Watched(tmp_path, steps_of(lambda m, x, y: F.cross_entropy(m(x), y))).history.facts(LinearPair) == ()
    )


class Forked(nn.Module):
    """One layer is never called, one is cut off, one hides in a list."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.unused = nn.Linear(6, 8), nn.Linear(8, 3), nn.Linear(8, 3)
        self.hidden = [nn.Linear(8, 8)]

    def forward(self, inputs: Tensor) -> Tensor:
        return self.second(self.hidden[0](self.first(inputs).detach()))


def test_reach(tmp_path: Path) -> None:
    seen = Watched(tmp_path, steps_of(lambda m, x, y: F.cross_entropy(m(x), y)), Forked())
    reach = seen.fact(Reach)
    assert set(reach.unreached) == {"first.weight", "first.bias", "unused.weight", "unused.bias"}
    assert len(reach.reached_unoptimized) == 2
    assert all("Linear(8, 8)" in name for name in reach.reached_unoptimized)
    assert len(reach.unregistered) == 1
    model = seen.fact(Model)
    assert (model.class_name, model.trained, model.compiled) == ("Forked", True, False)
    whole = Watched(tmp_path, steps_of(lambda m, x, y: F.cross_entropy(m(x), y))).fact(Reach)
    assert replace(whole, step=0) == Reach()


def test_inputs_and_targets(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer.zero_grad()
            inputs, targets = batch(64)
            F.cross_entropy(w.model(inputs * 50 + 100), targets).backward()
            w.optimizer.step()

    seen = Watched(tmp_path, loop)
    fact = seen.fact(BatchInput, "train")
    assert (fact.shape, fact.dtype, fact.integer, fact.constant) == (
        (64, 6),
        "float32",
        False,
        False,
    )
    assert fact.mean == pytest.approx(100, rel=0.1)
    assert fact.std == pytest.approx(50, rel=0.1)
    assert (fact.nonfinite, fact.normalized_inside) == (0, False)
    assert seen.history.metric("target/size").values.tolist() == [64.0] * STEPS


def test_an_optimizer_made_anew_goes_on(tmp_path: Path) -> None:
    def loop(w: Watched) -> None:
        for _ in range(STEPS):
            w.optimizer = make(w)
            w.optimizer.zero_grad()
            w.backward()
            w.optimizer.step()

    def make(w: Watched) -> Any:
        return torch.optim.Adam(w.model.parameters(), 0.01)

    seen = Watched(tmp_path, loop)
    assert [info.name for info in seen.history.optimizers] == ["Adam"]
    created = seen.fact(OptimizerCreated, "optimizer 0")
    assert created.recreated == STEPS - 1
    assert len(seen.history.series("loss").finite) == STEPS
