"""Calls beside forward, backward and step that tell how a loop is wired: clips, schedules, loaders, scaling."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.loop import Loop, plain_settings
from surefoot.capture.place import Site, caller_site, text_of
from surefoot.capture.unseen import readable
from surefoot.facts import ClipCall, Clipper, Fact, Loader, Scaler, Scheduler
from surefoot.interrupts import pass_on


class _Clip:
    def __init__(self, function: str, limit: float) -> None:
        self.function = function
        self.limit = limit
        self.count = 0
        self.after_step = 0
        self.scaled = 0
        self.covered: list[float] = []
        self.norms: list[float] = []


class ClipCalls:
    """The script's own clipping: how often, of what, and whether it can have an effect.

    Args:
        deferred: Where norms wait for the next flush.
        loops: Gives the loops that have stepped or wait to.
    """

    def __init__(self, deferred: Deferred, loops: Callable[[], Iterable[Loop]]) -> None:
        self._deferred = deferred
        self._loops = loops
        self._calls: dict[Site | None, _Clip] = {}
        self.scaler: Any = None

    def seen(self, function: str, parameters: Any, limit: Any, result: Any) -> None:
        """Note one call; `result` is what it returned."""
        site = caller_site()
        call = self._calls.get(site)
        if call is None:
            call = self._calls[site] = _Clip(
                function, float(limit) if isinstance(limit, (int, float)) else float("nan")
            )
        call.count += 1
        loops = [loop for loop in self._loops() if loop.by_hand or loop.optimizer() is not None]
        for loop in loops:
            loop.clipped()
        if loops and all(not loop.backward_seen() for loop in loops) and any(loop.steps for loop in loops):
            call.after_step += 1
        if self.scaler is not None and self._still_scaled(loops):
            call.scaled += 1
        # An optimizer that was made before the observation is known from its first step on.
        if loops and len(call.covered) < 50 and isinstance(parameters, (list, tuple)):
            covered = _covered(parameters, loops)
            if covered is not None:
                call.covered.append(covered)
        norm = readable(result) if isinstance(result, Tensor) else None
        if norm is not None and norm.numel() == 1 and len(call.norms) < 2000:
            self._deferred.add(norm.detach().clone(), call.norms.extend)

    def _still_scaled(self, loops: list[Loop]) -> bool:
        states = getattr(self.scaler, "_per_optimizer_states", {})
        optimizers = [loop.optimizer() for loop in loops]
        stages = [states[id(o)]["stage"] for o in optimizers if id(o) in states]
        return bool(self.scaler.is_enabled()) and all(stage.name == "READY" for stage in stages)

    def facts(self) -> Iterator[Fact]:
        """One fact for each place."""
        for site, call in self._calls.items():
            place = text_of(site)
            norms = sorted(call.norms)
            clipped = sum(norm > call.limit for norm in norms) / len(norms) if norms else None
            yield ClipCall(
                str(place),
                function=call.function,
                limit=call.limit,
                count=call.count,
                clipped=clipped,
                after_step=call.after_step,
                scaled=call.scaled,
                place=place,
                covered=min(call.covered) if call.covered else None,
                norm=norms[len(norms) // 2] if norms else None,
            )


def _covered(parameters: Iterable[Any], loops: list[Loop]) -> float | None:
    """Share of a loop's gradients that a call was given, the largest; None where no loop is known to hold any."""
    given = {id(p) for p in parameters if isinstance(p, Tensor)}
    holding = [[p for p in loop.parameters if p.grad is not None] for loop in loops]
    return max((sum(id(p) in given for p in held) / len(held) for held in holding if held), default=None)


class _Schedule:
    def __init__(self, scheduler: Any) -> None:
        self.name = type(scheduler).__name__
        self.place = text_of(caller_site())
        self.settings = plain_settings({k: v for k, v in vars(scheduler).items() if not k.startswith("_")})
        self.steps = 0
        self.ahead = 0
        self.before_first = False


class Schedulers:
    """Steps of learning-rate schedulers against those of their optimizers.

    Args:
        loop_of: Finds the loop of an optimizer, None if it has not stepped.
        steps: Gives the number of optimizer steps so far.
    """

    def __init__(self, loop_of: Callable[[Any], Loop | None], steps: Callable[[], int]) -> None:
        self._loop_of = loop_of
        self._steps = steps
        self._seen: dict[int, tuple[Any, _Schedule]] = {}

    def seen(self, scheduler: Any) -> None:
        """A scheduler's step was called by the script."""
        known = self._seen.get(id(scheduler))
        if known is None or known[0]() is not scheduler:
            known = self._seen[id(scheduler)] = (weakref.ref(scheduler), _Schedule(scheduler))
        schedule = known[1]
        schedule.steps += 1
        optimizer = getattr(scheduler, "optimizer", None)
        loop = self._loop_of(optimizer) or self._loop_of(getattr(optimizer, "optimizer", None))
        if loop is None:
            schedule.before_first |= self._steps() == 0
        elif loop.steps == 0:
            schedule.before_first = True
            schedule.ahead += loop.backward_seen()
        elif loop.backward_seen():
            schedule.ahead += 1  # its gradients are there, its step is not taken yet

    def facts(self) -> Iterator[Fact]:
        """One fact for each scheduler."""
        steps = self._steps()
        for number, (_, schedule) in enumerate(self._seen.values()):
            yield Scheduler(
                f"scheduler {number}",
                class_name=schedule.name,
                place=schedule.place,
                steps=schedule.steps,
                before_first_step=schedule.before_first,
                ahead=schedule.ahead,
                per_step=schedule.steps / steps if steps else None,
                settings=schedule.settings,
            )


class _Loader:
    def __init__(self, loader: Any) -> None:
        sampler = getattr(loader, "sampler", None)
        self.sampler = type(sampler).__name__
        batch_sampler = type(getattr(loader, "batch_sampler", None)).__name__
        plain = batch_sampler in ("BatchSampler", "NoneType")
        orders = {"SequentialSampler": False, "RandomSampler": True, "WeightedRandomSampler": True,
                  "SubsetRandomSampler": True}  # fmt: skip
        self.shuffled = orders.get(self.sampler) if plain else None
        if self.sampler == "DistributedSampler":
            self.shuffled = bool(getattr(sampler, "shuffle", True))
        self.batch_size = getattr(loader, "batch_size", None)
        self.drop_last = bool(getattr(loader, "drop_last", False))
        self.size = _length(getattr(loader, "dataset", None))
        self.iterations = 0
        self.backwards = 0


class Loaders:
    """The data loaders: their order, and whether what they give is trained on.

    Args:
        backwards: Gives the number of backward passes so far.
    """

    def __init__(self, backwards: Callable[[], int]) -> None:
        self._backwards = backwards
        self._seen: dict[Site | None, _Loader] = {}
        self._open: tuple[_Loader, int] | None = None

    def seen(self, loader: Any) -> None:
        """A loader's iterator was made."""
        self._settle()
        site = caller_site()
        known = self._seen.get(site)
        if known is None:
            known = self._seen[site] = _Loader(loader)
        known.iterations += 1
        self._open = (known, self._backwards())

    def _settle(self) -> None:
        if self._open is not None:
            loader, before = self._open
            loader.backwards += self._backwards() - before
            self._open = (loader, self._backwards())

    def facts(self) -> Iterator[Fact]:
        """One fact for each place that iterates a loader."""
        self._settle()
        for site, loader in self._seen.items():
            yield Loader(
                str(text_of(site)),
                place=text_of(site),
                phase="train" if loader.backwards else "validation",
                shuffled=loader.shuffled,
                sampler=loader.sampler,
                batch_size=loader.batch_size,
                dataset_size=loader.size,
                drop_last=loader.drop_last,
                iterations=loader.iterations,
            )


class ScalerWatch:
    """The GradScaler, if there is one."""

    def __init__(self) -> None:
        self.scaler: Any = None
        self._first: float | None = None
        self._updates = 0
        self._skipped = 0
        self._last: Any = None

    def updated(self, scaler: Any, deferred: Deferred) -> None:
        """Its update was called."""
        self.scaler = scaler
        self._updates += 1
        scale = getattr(scaler, "_scale", None)  # one that is disabled has none
        if isinstance(scale, Tensor):
            deferred.add(scale.detach().clone(), lambda v: self._receive(v[0]))

    def _receive(self, scale: float) -> None:
        if self._first is None:
            self._first = scale
        elif scale < self._last:
            self._skipped += 1
        self._last = scale

    def facts(self) -> Iterator[Fact]:
        """The scale's course."""
        if self.scaler is not None and self._first is not None:
            yield Scaler(
                scale_first=self._first,
                scale_last=self._last,
                skipped=self._skipped,
                steps=self._updates,
                enabled=bool(self.scaler.is_enabled()),
            )


def clippers_facts(loops: Iterable[Loop]) -> Iterator[Fact]:
    """The clippers attached to the loops' optimizers."""
    from surefoot.clipping import attached

    for loop in loops:
        optimizer = loop.optimizer()
        clipper = attached(optimizer) if isinstance(optimizer, torch.optim.Optimizer) else None
        if clipper is not None:
            yield Clipper(loop.subject, name=type(clipper).__name__, describe=clipper.describe())


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except TypeError as error:
        pass_on(error)
        return None
