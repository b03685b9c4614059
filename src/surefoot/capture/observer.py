"""The heart of capture: events of a training in, rows and facts out.

    backward begins -> was anything cleared?  a look at the graph, now and then
    backward ends   -> the loss joins its loops
    step begins     -> gradient norms; on a sampled step more
    step ends       -> a row

Every method here is called from a training; whatever goes wrong inside is caught at the door (`Guard`).
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture.batchwatch import BatchWatch
from surefoot.capture.functional import FunctionalDescent
from surefoot.capture.guard import Guard
from surefoot.capture.host import Norms, gradient_norms, host_number
from surefoot.capture.limit import StepLimit
from surefoot.capture.look import GraphLook
from surefoot.capture.loop import FactRow, Loop, plain_settings
from surefoot.capture.losses import LossWatch, Pending
from surefoot.capture.manual import ManualDescent
from surefoot.capture.mixing import MixingLook
from surefoot.capture.modules import ModuleWatch
from surefoot.capture.noise import NoiseScale
from surefoot.capture.nonfinite import NonfiniteTrace
from surefoot.capture.parameters import Parameters, is_uninitialized
from surefoot.capture.place import Site, caller_frame, caller_site, text_of
from surefoot.capture.recorder import PendingStep, Recorder
from surefoot.capture.sampled import SampledStep, plain
from surefoot.capture.sampling import Sampler, StepClock
from surefoot.clipping import Clipper, attached
from surefoot.norms import per_parameter_norms
from surefoot.records import ActivationInfo

ClipperFactory = Callable[[], Clipper]

_MOST_WAITING = 8
_MOST_RECENT = 1000
_NOBODY = {0}  # no loop has this id: a loss that is none of ours


class Observer:
    """Turns the events of one training into rows and facts.

    Args:
        recorder: Where they go.
        every: Fixed distance in steps between sampled steps; None chooses it by measured cost.
        thorough: Look more often, as a check of few steps needs.
        limit: Stop the script after this many optimizer steps (backwards where it never steps).
        make_clipper: Gives each optimizer that has none a clipper at its first step.
        only: Observe these optimizers alone; None: all.
    """

    def __init__(
        self,
        recorder: Recorder,
        *,
        every: int | None = None,
        thorough: bool = False,
        limit: int | None = None,
        make_clipper: ClipperFactory | None = None,
        only: set[int] | None = None,
    ) -> None:
        self.recorder = recorder
        self.guard = Guard(recorder.fail)
        self.steps = 0
        self.backwards = 0
        self.created = 0
        self.parameters = Parameters()
        deferred = recorder.deferred
        self.modules = ModuleWatch(self.parameters, self._model_input, self.guard.run)
        self.losses = LossWatch(deferred, recorder.metric, self.modules.all_in_eval)
        self.graphs = GraphLook(self.parameters, deferred, recorder.metric, recorder.activation)
        self.batches = BatchWatch(deferred, recorder.metric)
        self.manual = ManualDescent()
        self.functional = FunctionalDescent(self)
        self.nonfinite = NonfiniteTrace(self.parameters)
        self.mixing = MixingLook(deferred)
        self.modules.on_exchanged = self.mixing.viewed
        self.noise = NoiseScale(deferred)
        self.clock = StepClock()
        self.extra_facts: list[Callable[[], Iterator[FactRow]]] = [
            self.nonfinite.facts,
            self.mixing.facts,
            self.noise.facts,
        ]
        self._limit = limit
        self._make_clipper = make_clipper
        self._clipper: Clipper | None = None  # of the optimizer that steps
        self._only = only
        self._elsewhere: set[int] = set()  # parameters of optimizers that are not watched
        early = 5 if thorough else 10
        self._sampler = Sampler(0.10 if thorough else 0.01, every, eager=2, early=early)
        self._looker = Sampler(0.25 if thorough else 0.01, None, eager=20 if thorough else 3, early=2 * early)
        self.loops: list[Loop] = []  # those that have stepped
        self._waiting: list[Loop] = []  # optimizers made, not yet used
        self._everyone: tuple[Loop, ...] = ()
        self._by_optimizer: dict[int, Loop] = {}
        self._reach: dict[
            Site | None, set[int]
        ] = {}  # backward's place -> ids of loops whose parameters it reaches
        self._scaled: dict[int, tuple[weakref.ref[Tensor], Any]] = {}
        self._in_step: Loop | None = None
        self._closure: Loop | None = None
        self._closure_losses: list[float | Tensor] = []
        self._closure_norms: Norms | None = None
        self._norms: Norms | None = None
        self._recent: list[float | Tensor] = []  # losses of the backwards since the last step
        self._stepped = False
        self._sample: SampledStep | None = None
        self._sample_cost = 0.0
        self._noise_cost = 0.0
        self.looking = True
        self._site: Site | None = None
        self._loss: float | Tensor = 0.0
        self._look_cost = 0.0
        self._position = 0
        self._leaf_columns: list[int] = []
        self._first_backward: str | None = None
        self._group_settings: dict[tuple[int, int], tuple[Any, ...]] = {}
        recorder.collect_facts = self.facts
        recorder.collect_parameters = self.parameters.changed
        recorder.collect_optimizers = lambda: [loop.info() for loop in self.loops]
        recorder.collect_activations = self._activations
        recorder.counts = lambda: (self.steps, self.backwards)
        self.modules.open()

    # -- optimizers

    def optimizer_made(self, optimizer: Optimizer) -> None:
        """An optimizer was constructed."""
        self.created += 1
        if self._only is not None:
            return  # those to watch were made before
        loop = Loop(-1, optimizer)
        loop.created = text_of(caller_site())
        self._read_groups(loop, optimizer)
        loop.created_at_step = self.steps
        self._waiting.append(loop)
        del self._waiting[:-_MOST_WAITING]
        self._regroup()

    @property
    def without_optimizers(self) -> bool:
        """Whether no optimizer was seen so far: what descends, descends by hand."""
        return not self.created and self._only is None and all(loop.name == "by hand" for loop in self.loops)

    def all_loops(self) -> tuple[Loop, ...]:
        """Loops that have stepped and optimizers that have not."""
        return self._everyone

    def _regroup(self) -> None:
        self._everyone = (*self.loops, *self._waiting)
        self._reach.clear()

    def wait_for(self, loop: Loop) -> None:
        """Watch a loop that has not stepped yet."""
        self._waiting.append(loop)
        self._regroup()

    def forget(self, loop: Loop) -> None:
        """A loop that waited is none."""
        if loop in self._waiting:
            self._waiting.remove(loop)
        self._regroup()

    def number(self, loop: Loop) -> None:
        """A loop takes its first step."""
        if loop in self._waiting:
            self._waiting.remove(loop)
        loop.number(len(self.loops))
        loop.columns = self.parameters.held_by(loop.parameters, loop.index)
        self.loops.append(loop)
        self._regroup()

    def loop_if_known(self, optimizer: Any) -> Loop | None:
        """The loop of an optimizer that was seen; None for any other."""
        return next((loop for loop in self.all_loops() if loop.optimizer() is optimizer), None)

    def adopt(self, optimizer: Optimizer) -> Loop:
        """Watch an optimizer that was made before."""
        return self._loop_of(optimizer)

    def _loop_of(self, optimizer: Optimizer) -> Loop:
        loop = self._by_optimizer.get(id(optimizer))
        if loop is not None and loop.optimizer() is optimizer:
            return loop
        waiting = next((w for w in self._waiting if w.optimizer() is optimizer), None)
        if waiting is not None:
            self._waiting.remove(waiting)
            self._regroup()
        made = waiting or Loop(-1, optimizer)
        self._read_groups(made, optimizer)
        if (
            waiting is None and self._only is None
        ):  # made before the observation: its first losses went by unclaimed
            for loss in self._recent:
                made.after_backward(loss, self._site, True)
        ids = {id(p) for p in made.parameters}
        for known in self.loops:
            # The same optimizer made anew over the same parameters goes on where the old one was.
            if (
                known.name == made.name
                and known.created == made.created
                and {id(p) for p in known.parameters} == ids
            ):
                known.renew(optimizer, made)
                self._by_optimizer[id(optimizer)] = known
                return known
        self.number(made)
        self._by_optimizer[id(optimizer)] = made
        return made

    def _read_groups(self, loop: Loop, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        loop.group_sizes = tuple(len(group["params"]) for group in groups)
        loop.parameters = [p for group in groups for p in group["params"] if not is_uninitialized(p)]
        loop.settings = plain_settings({**optimizer.defaults, **(groups[0] if groups else {})})
        loop.parameter_ids = {id(p) for p in loop.parameters}
        if loop.index >= 0:
            loop.columns = self.parameters.held_by(loop.parameters, loop.index)
            self._reach.clear()

    # -- backward

    def scaled(self, output: Tensor, scaler: Any) -> None:
        """A GradScaler multiplied a loss."""
        self._scaled = {id(output): (weakref.ref(output), scaler)}

    def before_backward(self, root: Tensor, retain_graph: bool | None, create_graph: bool) -> None:
        """A backward begins at `root`."""
        stepless = self.steps == 0 and self._closure is None
        if stepless and self._limit is not None and self.backwards >= self._limit:
            raise StepLimit
        self.backwards += 1
        site = caller_site()
        self._site = site
        step = self.steps + 1
        self._in_step = self._closure
        if self._first_backward is None:
            self._first_backward = text_of(site)
        self.losses.step = self.modules.step = step
        self._position = (
            step if self.steps else self.backwards
        )  # a script that never steps is looked at all the same
        self.looking = self._looker.due(self._position) or site not in self._reach
        if retain_graph and not create_graph:
            self.graphs.retain_graph += 1
            self.graphs.retain_place = self.graphs.retain_place or text_of(site)
        self._loss = self._loss_of(root)
        if self.nonfinite.wanted and self._looks_nonfinite():
            part = self.guard.part("non-finite trace", self.nonfinite.trace)
            part(root, step, text_of(site), self.graphs.saved_tensors)
        calls = self.losses.before_backward(root)
        if self.losses.evaluating:
            self.losses.close_window(self.steps)
        if self.manual.active:
            self.manual.before_backward(root, self)
        for loop in self._everyone:
            left_over = loop.before_backward()
            if left_over and self.looking:
                self._defer_leftover(loop)
        if self.looking:
            began = time.thread_time()
            self._look(root, site, step, calls)
            self._look_cost = time.thread_time() - began
        self.modules.judge_training(site)

    def _loss_of(self, root: Tensor) -> float | Tensor:
        """What a backward starts from, a GradScaler's factor taken out; a number where it is on the host."""
        scaled = self._scaled.get(id(root)) if self._scaled else None
        scale = scaled[1]._scale if scaled is not None and scaled[0]() is root else None
        if scale is None:
            number = host_number(root)
            if number is not None:
                return number
        value = root.detach()
        value = value.mean() if value.numel() != 1 else value.reshape(()).clone()
        return value if scale is None else value / scale

    def _looks_nonfinite(self) -> bool:
        """Whether the loss is NaN or infinite: known at once on the CPU, elsewhere from the last flush."""
        known = self._loss if isinstance(self._loss, float) else self.recorder.latest.loss
        return known is not None and not math.isfinite(known)

    def _defer_leftover(self, loop: Loop) -> None:
        gradients = [p.grad for p in loop.parameters if p.grad is not None]
        if gradients:
            norms = per_parameter_norms(gradients)

            def receive(values: list[float]) -> None:
                loop.leftover_norm = sum(value * value for value in values) ** 0.5

            self.recorder.deferred.add(norms, receive)

    def _look(self, root: Tensor, site: Site | None, step: int, calls: list[Pending]) -> None:
        size = calls[0].call.described.get("batch_size") if calls else None
        if self._only is not None and not self._concerns(root):
            self._reach[site] = _NOBODY
            return
        leaves = self.graphs.read(root, step, text_of(site), bool(calls), size)
        self.noise.batch_size = size
        self._look_for_mixing(site)
        ids = {id(leaf) for leaf in leaves}
        self._leaf_columns = [self.parameters.index_of(leaf) for leaf in leaves if leaf.requires_grad]
        reached = [loop for loop in self.all_loops() if loop.parameter_ids & ids]
        self._reach[site] = {id(loop) for loop in reached}
        if len(calls) == 1 and calls[0].value is not None:
            self._compare_root(reached, calls[0].value)
        self.modules.mark_trained(ids, site)
        self.batches.from_graph(root, step)
        if not self.manual.active and self._only is None and self.manual.wanted(self, leaves):
            self.manual.active = True
            self.manual.before_backward(root, self)
        self.parameters.name_from_variables(caller_frame())

    def _compare_root(self, reached: list[Loop], value: Tensor) -> None:
        number = host_number(value)
        if number is not None and isinstance(self._loss, float):
            for loop in reached:
                loop.compare_root([self._loss, number])
            return
        both = torch.stack([torch.as_tensor(self._loss, device=value.device).float(), value.float()])
        for loop in reached:
            self.recorder.deferred.add(both, loop.compare_root)

    def _concerns(self, root: Tensor) -> bool:
        """Whether a loss leads to what the watched optimizers hold."""
        held = set().union(*(loop.parameter_ids for loop in self.loops))
        return any(id(leaf) in held for leaf in self.graphs.leaves(root))

    def _look_for_mixing(self, site: Site | None) -> None:
        scores, target = self.losses.take_scores()
        if scores is None or not self.graphs.saved_tensors or self.modules.forbidden:
            return
        if self.mixing.wanted(scores, target, self.batches.batch_size):
            model = next((m.name for m in self.modules.models.values() if m.trained), "")
            self.guard.part("mixing", self.mixing.look)(scores, text_of(site), model)

    def after_backward(self) -> None:
        """The backward has ended."""
        reach = self._reach.get(self._site)
        if self._stepped:
            self._stepped = False
            self._recent.clear()
        if len(self._recent) < _MOST_RECENT:
            self._recent.append(self._loss)
        for loop in self._everyone:
            if not reach or id(loop) in reach:
                loop.after_backward(self._loss, self._site, bool(reach))
        if self._closure is not None:
            self._closure_losses.append(self._loss)
            if self._closure_norms is None:
                self._closure_norms = self._gradient_norms(self._closure)
        if self.looking:
            self.graphs.symmetry_of_gradients()
            if self.steps == 0 or self._in_step is not None or self.manual.active:
                self._looker.measured(self._position, self._look_cost, self.clock.step_time)
            if self.steps == 0:
                self.parameters.received(self._leaf_columns)
        if self.manual.active:
            self.manual.after_backward(self)

    # -- step

    def before_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """An optimizer's step begins."""
        if self.manual.active:
            self.manual.give_way(self)
        if self._only is not None and id(optimizer) not in self._only:
            self._elsewhere.update(id(p) for group in optimizer.param_groups for p in group["params"])
            return
        if self._in_step is not None and self._in_step.optimizer() is not optimizer:
            return  # a wrapper's inner optimizer
        loop = self._loop_of(optimizer)
        self._in_step = loop
        groups = optimizer.param_groups
        if len(loop.group_sizes) != len(groups) or loop.group_sizes != tuple(
            len(g["params"]) for g in groups
        ):
            self._read_groups(loop, optimizer)
        if loop.step_site is None or self.looking:
            loop.step_site = caller_site()
        step = self.steps + 1
        closure = args[1] if len(args) > 1 else kwargs.get("closure")
        if callable(closure):
            loop.closure = True
            self._closure, self._closure_losses, self._closure_norms = loop, [], None
        loop.before_step(step, self.backwards)
        self._clipper = attached(optimizer)
        if self._make_clipper is not None and self._clipper is None:
            self.guard.run("clipper", lambda: self._attach_clipper(optimizer))
        self._sample = None
        self._sample_cost = 0.0
        if self._sampler.due(step) and not self._closure and plain(loop.parameters):
            began = time.thread_time()
            self._sample = SampledStep(step, loop.index, loop.parameters, loop.columns, self.recorder.layer)
            self._sample.before()
            self._noise_part(self.noise.keep, loop, step)
            self._sample_cost = time.thread_time() - began
        elif self.noise.waiting:
            began = time.thread_time()
            self._noise_part(self.noise.compare, loop, step)
            self._noise_cost = time.thread_time() - began
        if self._closure is None:
            # A clipper measures too, and tells after the step.
            self._norms = self._gradient_norms(loop, self._clipper is not None)
        else:
            self._norms = None

    def _noise_part(self, part: Callable[[int, int, list[Tensor]], None], loop: Loop, step: int) -> None:
        self.guard.run("gradient noise", lambda: part(loop.index, step, loop.parameters))

    def _attach_clipper(self, optimizer: Optimizer) -> None:
        assert self._make_clipper is not None
        self._clipper = self._make_clipper()
        self._clipper.attach(optimizer)

    def _gradient_norms(self, loop: Loop, measured: bool = False) -> Norms | None:
        gradients = [gradient for p in loop.parameters if (gradient := p.grad) is not None]
        if not gradients:
            loop.without_gradients += 1
            return None
        if self.looking:
            self.parameters.received(
                column for p, column in zip(loop.parameters, loop.columns, strict=True) if p.grad is not None
            )
        return None if measured else gradient_norms(gradients)

    def after_step(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended."""
        loop = self._in_step
        if loop is None or loop.optimizer() is not optimizer:
            return
        self._in_step = None
        self._stepped = True
        self.steps += 1
        step = self.steps
        sample = self._sample
        if sample is not None:
            began = time.thread_time()
            sample.after()
            cost = self._sample_cost + time.thread_time() - began + self._noise_cost
            self._sampler.measured(step, cost, self.clock.step_time)
            self._sample = None
        losses = loop.after_step()
        norms = self._norms
        if self._closure is loop:
            # The point that the step starts from: its first evaluation.
            losses, norms = self._closure_losses[:1] or losses, self._closure_norms
            self._closure = None
            if not self._closure_losses:
                loop.closed_without_backward(step)
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        lr = group.get("lr")
        clipper = self._clipper
        now = self.recorder.now()
        self.clock.tick(now, time.thread_time())
        if self.looking:
            # All that a look made slower: module hooks, descriptions, the reading of the graph.
            cost = max(self._look_cost, self.clock.last - self.clock.step_time)
            self._looker.measured(self._position, cost, self.clock.step_time)
        self.recorder.step(
            PendingStep(
                step,
                loop.index,
                now,
                losses,
                norms,
                lr.detach().clone() if isinstance(lr, Tensor) else lr,
                clipper.last if clipper is not None else None,
                getattr(optimizer, "found_inf", None),
                getattr(optimizer, "grad_scale", None) if clipper is None else None,
                loop.judge if loop.touched_before_step else None,
            )
        )
        if self.looking or len(optimizer.param_groups) > 1:
            self._settings(step, loop, optimizer)
        self.next_step(step)

    def stepped(self) -> int:
        """Count a step; returns its number."""
        self.steps += 1
        return self.steps

    def sampling(self, step: int) -> bool:
        """Whether the per-parameter quantities are due at a step."""
        return self._sampler.due(step)

    def sampled(self, cost: float) -> None:
        """They were measured, in `cost` seconds."""
        self._sampler.measured(self.steps + 1, cost, self.clock.step_time)

    def next_step(self, step: int) -> None:
        """After a step: is the next one looked at, or was this the last one wanted?

        Raises:
            StepLimit: It was.
        """
        # The forward of the next step comes before its backward: decide now whether its modules are watched.
        if self._looker.due(step + 1):
            self.modules.open()
            self.losses.looking = True
        elif self.modules.on:
            self.modules.close()
            self.losses.looking = False
        if self._limit is not None and step >= self._limit:
            raise StepLimit

    def _settings(self, step: int, loop: Loop, optimizer: Optimizer) -> None:
        for number, group in enumerate(optimizer.param_groups):
            present = (group.get("lr") if number else None, group.get("momentum"), group.get("betas"))
            key = (loop.index, number)
            if self._group_settings.get(key) != present and not any(isinstance(v, Tensor) for v in present):
                self._group_settings[key] = present
                for name, value in zip(("lr", "momentum", "betas"), present, strict=True):
                    if value is not None:
                        self.recorder.hyperparameter(step, loop.index, number, name, value)

    # -- what else happens

    def mode_changes(self) -> None:
        """A module is switched between train and eval mode."""
        self.modules.mode_changed()
        self.attention()

    def attention(self) -> None:
        """Something that often begins an evaluation: gradients switched off, a mode changed, a loader begun anew."""
        if self._in_step is None:
            self.modules.open()

    def _model_input(self, phase: str, batch: Tensor, module: nn.Module) -> None:
        self.batches.model_input(phase, batch, module, self.steps + 1, self.losses.looking)

    def _activations(self, since: int) -> list[ActivationInfo]:
        return self.graphs.new_activations(since)

    def close(self) -> None:
        """The training has ended: settle what is still open."""
        self.losses.settle()
        self.losses.close_window(self.steps)
        if self.manual.active:
            self.manual.settle(self)

    # -- facts

    def facts(self) -> Iterator[FactRow]:
        """Everything structural, as it stands."""
        for loop in self._everyone:
            loop.let_go()
        yield "calls", "run", {
            "backwards": self.backwards,
            "steps": self.steps,
            "optimizers_created": self.created,
            "optimizers_stepped": sum(loop.name != "by hand" for loop in self.loops),
            "first_backward": self._first_backward,
            "manual": any(loop.name == "by hand" for loop in self.loops),
            "forwards_with_grad": self.modules.training_forwards,
        }  # fmt: skip
        for loop in self.loops:
            yield from loop.facts()
            if loop.name != "by hand":
                yield "optimizer-created", loop.subject, self._creation(loop)
        for number, loop in enumerate(self._waiting):
            if loop.optimizer() is not None:
                yield "optimizer-created", f"unstepped {number}", self._creation(loop)
        yield "reach", "run", self._reach_fact()
        yield from self.modules.facts()
        yield from self.losses.facts()
        yield from self.graphs.facts()
        yield from self.batches.facts()
        for more in self.extra_facts:
            yield from more()
        yield from self.guard.facts()

    def _creation(self, loop: Loop) -> dict[str, Any]:
        same = next(
            (o.index for o in self.loops if o is not loop and o.parameter_ids & loop.parameter_ids), None
        )
        return {
            "class": loop.name,
            "place": loop.created,
            "settings": loop.settings,
            "parameters": len(loop.parameters),
            "trainable": sum(p.requires_grad for p in loop.parameters),
            "same_parameters_as": same,
            "created_at_step": loop.created_at_step,
            "stepped": loop.steps > 0,
            "recreated": loop.recreated,
        }

    def _reach_fact(self) -> dict[str, Any]:
        infos = self.parameters.infos()
        stepping = {loop.index for loop in self.loops}
        return {
            "unreached": [
                i.name for i in infos if i.optimizer in stepping and i.requires_grad and not i.reached
            ][:200],
            "reached_unoptimized": [
                i.name
                for i in infos
                if i.optimizer is None and i.reached and i.requires_grad and i.is_parameter
                if id(self.parameters.tensor(i.index)) not in self._elsewhere
            ][:200],
            "frozen": [i.name for i in infos if i.optimizer is not None and not i.requires_grad][:200],
            "cut": self.modules.cut,
            "leaf_root": self.graphs.leaf_root,
            "unregistered": list(self.modules.unregistered)[:50],
        }
