"""A sweep of a model, a loss and data: members at once where a timed probe says that it pays, else one by one."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture.script import Target
from surefoot.comparison.judging import mean_until
from surefoot.errors import SettingError
from surefoot.optimizers import optimizer as by_name
from surefoot.optimizers.lent import with_momentum
from surefoot.records import Series
from surefoot.search.axes import Axis
from surefoot.search.conclusion import concluded
from surefoot.search.records import Sweep
from surefoot.search.results import Result, curve_of, smoothed
from surefoot.search.settings import Member, grid
from surefoot.search.together import Together
from surefoot.search.updates import KNOWN
from surefoot.training.batches import Source, Split
from surefoot.training.data import DEFAULT_BATCH_SIZE, source_of
from surefoot.training.random_state import kept_random_state, seed_everything
from surefoot.training.task import Loss, Task

CAN_VARY = ("lr", "optimizer", "momentum", "weight-decay")
_PROBED = 3  # steps of each way, after one that warms it up
_EVALUATIONS = 20
_ALIKE = 1e-3  # relative: losses of the same weights, computed at once and alone; rounding is 1000 times less


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """What is to be trained.

    Args:
        model: Copied; where every member of the first seed begins.
        loss: As `fit` takes it.
        data: As `fit` takes it.
        steps: Of each member.
        batch_size: As `fit` takes it.
        validate: A batch, or several, by whose loss members are ranked; None: by the training loss.
        together: Whether members train at once; None: where it pays.
    """

    model: nn.Module
    loss: Loss | None
    data: Any
    steps: int
    batch_size: int | Literal["full"] | None = None
    validate: Any = None
    together: bool | None = None

    def check(self, axes: Sequence[Axis], seeds: int) -> None:
        """Refuse what can't be.

        Raises:
            SettingError: It can't.
        """
        if not isinstance(self.model, nn.Module):
            raise SettingError(
                f"model is a {type(self.model).__name__}: give a torch.nn.Module, or a script's path."
            )
        other = next((axis.name for axis in axes if axis.name not in CAN_VARY), None)
        if other is not None:
            raise SettingError(f"{other} can't vary here: give {', '.join(CAN_VARY)}, or sweep a script.")
        for name, count in (("steps", self.steps), ("seeds", seeds)):
            if isinstance(count, bool) or not isinstance(count, int) or count < 1:
                raise SettingError(f"{name} is {count!r}: give a whole number of at least 1.")
        if not any(p.requires_grad for p in self.model.parameters()):
            raise SettingError("the model has nothing to train: no parameter requires a gradient.")


def sweep_model(plan: ModelPlan, axes: tuple[Axis, ...], seeds: int) -> Sweep:
    """Train a model under every setting.

    Args:
        plan: The model and how long it trains.
        axes: What varies.
        seeds: Of each setting.

    Returns:
        The sweep, judged.

    Effects: none: model, random numbers and data are as before.
    """
    plan.check(axes, seeds)
    members = [Member(setting, seed) for seed in range(seeds) for setting in grid(axes)]
    remarks: dict[str, None] = {}
    results: dict[Member, Result] = {}
    with kept_random_state():
        for seed in range(seeds):
            start = _start(plan.model, seed, remarks)
            for name in dict.fromkeys(_optimizer(m) for m in members):
                mine = [m for m in members if m.seed == seed and _optimizer(m) == name]
                results.update(_trained(plan, start, name, mine, remarks))
    made = concluded(Target(type(plan.model).__name__), "", axes, seeds, members, results, None)
    return replace(made, command="", remarks=(*made.remarks, *remarks))


def _optimizer(member: Member) -> str:
    return str(member.setting.get("optimizer") or "adamw")


def _start(model: nn.Module, seed: int, remarks: dict[str, None]) -> nn.Module:
    """The model as it is for the first seed, with its layers initialised anew for each other one."""
    start = copy.deepcopy(model)
    seed_everything(seed)
    if seed:
        anew = [m for m in start.modules() if callable(getattr(m, "reset_parameters", None))]
        for module in anew:
            module.reset_parameters()  # type: ignore[operator]
        known = {id(p) for module in anew for p in module.parameters(recurse=False)}
        if any(id(p) not in known for p in start.parameters()):
            remarks[
                "seeds differ in the order of batches and in layers that can be initialised anew, not in all weights"
            ] = None
    return start


def _trained(
    plan: ModelPlan, start: nn.Module, name: str, members: Sequence[Member], remarks: dict[str, None]
) -> dict[Member, Result]:
    trainers: dict[bool, _Trainer] = {}
    if plan.together is not False and name in KNOWN and len(members) > 1:
        why = _try(plan, start, name, members, trainers)
        if why:
            remarks[f"{name} trained one by one: {why}"] = None
    chosen = trainers.get(True) or _Apart(plan, start, name, members)
    return chosen.train()


def _try(
    plan: ModelPlan, start: nn.Module, name: str, members: Sequence[Member], trainers: dict[bool, _Trainer]
) -> str:
    """Whether the members can train at once, and whether it pays; why not, or ""."""
    try:
        once = _AtOnce(plan, start, name, members)
        alone = _Apart(plan, start, name, members[:1])
        one, other = once.first_losses(), alone.first_losses()
        if not torch.allclose(one, other[0], rtol=_ALIKE, equal_nan=True):
            return "computed at once its loss is another one"
        paid = _seconds(once) < len(members) * _seconds(alone)
    except Exception as error:  # whatever of torch can't be computed for several at once
        said = str(error).strip().splitlines() or [type(error).__name__]
        return f"torch.func can't take this model ({said[0][:120].rstrip('.')})"
    if paid or plan.together:
        trainers[True] = once
        return ""
    return "a timed probe was quicker so"


def _seconds(trainer: _Trainer) -> float:
    """Of one step, the least of a few: what else runs makes it longer, never shorter."""
    took = []
    for _ in trainer.steps(1 + _PROBED):
        took.append(time.perf_counter())
    return min((b - a for a, b in pairwise(took)), default=0.0)


class _Trainer:
    """Members that train over the same batches."""

    def __init__(self, plan: ModelPlan, start: nn.Module, name: str, members: Sequence[Member]) -> None:
        self.plan, self.name, self.members = plan, name, members
        self.task = Task(plan.loss)
        self.start = start
        split = Split(plan.batch_size or DEFAULT_BATCH_SIZE, seed=members[0].seed)
        self._source: Source = source_of(plan.data, split, batch_size_given=plan.batch_size is not None)
        self.seed = members[0].seed

    def batches(self, count: int) -> Iterator[Any]:
        """So many batches, over as many epochs as it takes."""
        epoch = 0
        while count > 0:
            for batch in self._source.steps(epoch):
                if count <= 0:
                    return
                yield batch.micro[0].data
                count -= 1
            epoch += 1

    def optimizer(self, member: Member, model: nn.Module) -> Optimizer:
        """The member's own."""
        decay = member.setting.get("weight-decay")
        options = {} if decay is None else {"weight_decay": decay}
        made = by_name(self.name, model, member.setting.get("lr"), **options)
        for group in made.param_groups:
            momentum = member.setting.get("momentum")
            found = None if momentum is None else with_momentum(group, momentum)
            if found is not None:
                group[found[0]] = found[1]
        return made

    def steps(self, count: int) -> Iterator[Tensor]:
        """Losses of the members before each step, shape (members,)."""
        raise NotImplementedError

    def train(self) -> dict[Member, Result]:
        """All of them, to the end."""
        raise NotImplementedError

    def results(self, losses: Tensor, validation: dict[int, Tensor], seconds: float) -> dict[Member, Result]:
        """What the members came to.

        Args:
            losses: Shape (steps, members).
            validation: Losses on held-out data by step, shape (members,).
            seconds: That all of it took.
        """
        rows = losses.to(torch.float64).cpu().numpy()
        found = {}
        for place, member in enumerate(self.members):
            series = Series.of(rows[:, place].tolist())
            steps = list(validation)
            held = Series.of([float(validation[step][place]) for step in steps], steps)
            reading = mean_until(series, len(series))
            found[member] = Result(
                "finished",
                len(series),
                seconds / len(self.members),
                float(held.values[-1]) if len(held) else None,
                None if reading is None else reading.value,
                curve_of(held),
                curve_of(smoothed(series)),
                optimizer=self.name,
            )
        return found

    def evaluated_at(self) -> set[int]:
        """Steps after which held-out data is looked at."""
        if self.plan.validate is None:
            return set()
        steps = self.plan.steps
        return {max(1, round(steps * k / _EVALUATIONS)) for k in range(1, _EVALUATIONS + 1)}


class _AtOnce(_Trainer):
    def __init__(self, plan: ModelPlan, start: nn.Module, name: str, members: Sequence[Member]) -> None:
        super().__init__(plan, start, name, members)
        self._traced: dict[Any, Any] = {}

    def _made(self) -> tuple[Together, nn.Module]:
        model = copy.deepcopy(self.start)
        names = {id(p): name for name, p in model.named_parameters()}
        numbers = [self.optimizer(member, model).param_groups for member in self.members]
        together = Together(
            model,
            self.task,
            self.name,
            [float(groups[0]["lr"]) for groups in numbers],
            [_momentum(groups[0]) for groups in numbers],
            [_decays(groups, names) for groups in numbers],
            self._traced,
        )
        return together, model

    def first_losses(self) -> Tensor:
        """Of the first batch, before any step."""
        seed_everything(self.seed)
        return next(iter(self.steps(1)))

    def steps(self, count: int) -> Iterator[Tensor]:
        """All members, a step each."""
        together, _ = self._made()
        for batch in self.batches(count):
            yield together.step(batch)

    def train(self) -> dict[Member, Result]:
        """All of them at once."""
        seed_everything(self.seed)
        together, model = self._made()
        began, losses, validation, asked = time.perf_counter(), [], {}, self.evaluated_at()
        for step, batch in enumerate(self.batches(self.plan.steps), 1):
            losses.append(together.step(batch))
            if step in asked:
                model.eval()
                validation[step] = together.losses(self.plan.validate)
                model.train(self.start.training)
        return self.results(torch.stack(losses), validation, time.perf_counter() - began)


class _Apart(_Trainer):
    def first_losses(self) -> Tensor:
        """Of the first batch, before any step."""
        seed_everything(self.seed)
        return next(iter(self.steps(1)))

    def steps(self, count: int) -> Iterator[Tensor]:
        """The first member alone."""
        model = copy.deepcopy(self.start)
        optimizer = self.optimizer(self.members[0], model)
        for batch in self.batches(count):
            yield self._step(model, optimizer, batch).reshape(1)

    def _step(self, model: nn.Module, optimizer: Optimizer, batch: Any) -> Tensor:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = self._loss(model, batch)
            loss.backward()
            return loss

        if self.name == "lbfgs":
            found: Any = optimizer.step(closure)
            return torch.as_tensor(found).detach()
        loss: Tensor = closure()
        optimizer.step()
        return loss.detach()

    def _loss(self, model: nn.Module, batch: Any) -> Tensor:
        value = self.task(model, batch)
        return value.root if value.count is None else value.root / value.count

    def train(self) -> dict[Member, Result]:
        """Each after the other."""
        columns, validations, began = [], [], time.perf_counter()
        for member in self.members:
            losses, validation = self._one(member)
            columns.append(losses)
            validations.append(validation)
        held = {step: torch.stack([v[step] for v in validations]) for step in validations[0]}
        return self.results(torch.stack(columns, 1), held, time.perf_counter() - began)

    def _one(self, member: Member) -> tuple[Tensor, dict[int, Tensor]]:
        seed_everything(self.seed)
        model = copy.deepcopy(self.start)
        optimizer = self.optimizer(member, model)
        losses, validation, asked = [], {}, self.evaluated_at()
        for step, batch in enumerate(self.batches(self.plan.steps), 1):
            losses.append(self._step(model, optimizer, batch))
            if step in asked:
                model.eval()
                with torch.no_grad():
                    validation[step] = self._loss(model, self.plan.validate)
                model.train(self.start.training)
        return torch.stack(losses), validation


def _decays(groups: Sequence[dict[str, Any]], names: dict[int, str]) -> dict[str, float]:
    return {names[id(p)]: float(g.get("weight_decay") or 0.0) for g in groups for p in g["params"]}


def _momentum(group: dict[str, Any]) -> float:
    betas = group.get("betas")
    return float(betas[0] if betas is not None else group.get("momentum", 0.0))
