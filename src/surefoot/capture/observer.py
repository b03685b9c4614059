"""The heart of capture: events of a training in, rows and facts out.

    backward begins -> was anything cleared?  a look at the graph, now and then
    backward ends   -> the loss joins its loops
    step begins     -> gradient norms; on a sampled step more
    step ends       -> a row

Every method here is called from a training; whatever goes wrong inside is caught at the door (`Guard`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from threading import get_ident
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture import shards, structure
from surefoot.capture.activations import Activations
from surefoot.capture.by_hand import StepByHand
from surefoot.capture.events.dispatch import Dispatch
from surefoot.capture.events.records import Backward, Counts, Step
from surefoot.capture.functional import FunctionalDescent
from surefoot.capture.graph.loss_graph import LossGraph
from surefoot.capture.guard import Guard
from surefoot.capture.host import Norms, gradient_norms
from surefoot.capture.limit import StepLimit
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.losses import LossWatch
from surefoot.capture.manual import ManualDescent
from surefoot.capture.modules import ModuleWatch
from surefoot.capture.parameters import Parameters
from surefoot.capture.pending import PendingStep
from surefoot.capture.place import caller_frame, caller_site, text_of
from surefoot.capture.probes.activations import ActivationsProbe
from surefoot.capture.probes.batch_mixing import BatchMixingProbe
from surefoot.capture.probes.cadence import CadenceProbe
from surefoot.capture.probes.clearing import ClearingProbe
from surefoot.capture.probes.clip_calls import ClipCallsProbe
from surefoot.capture.probes.clippers import ClippersProbe
from surefoot.capture.probes.grad_scaler import GradScalerProbe
from surefoot.capture.probes.gradient_noise import GradientNoiseProbe
from surefoot.capture.probes.graph_growth import GraphGrowthProbe
from surefoot.capture.probes.handmade_loss import HandmadeLossProbe
from surefoot.capture.probes.input_batches import InputBatchesProbe
from surefoot.capture.probes.linear_pairs import LinearPairsProbe
from surefoot.capture.probes.loaders import LoadersProbe
from surefoot.capture.probes.lr_schedulers import LrSchedulersProbe
from surefoot.capture.probes.nonfinite import NonfiniteProbe
from surefoot.capture.probes.ranks import RanksProbe
from surefoot.capture.probes.steep_operations import SteepOperationsProbe
from surefoot.capture.probes.symmetry import SymmetryProbe
from surefoot.capture.recorder import Recorder, Source
from surefoot.capture.roots import Parts, Roots
from surefoot.capture.sampled import SampledStep
from surefoot.capture.sampling import Schedule
from surefoot.capture.step_hooks import closure_of, nested, with_closure
from surefoot.capture.threads import ObservedThread
from surefoot.capture.unseen import readable, without_numbers
from surefoot.clipping import Clipper, attached
from surefoot.facts import Fact
from surefoot.records import ActivationInfo, OptimizerInfo, ParameterInfo

ClipperFactory = Callable[[], Clipper]

_MOST_RECENT = 1000
_NORM = ("the gradient's norm",)
_KEPT = frozenset({"recorder", "guard", "threads", "counts"})  # once recording has stopped
_NONE_GIVEN: Mapping[int, Tensor] = MappingProxyType({})
_NOBODY = {0}  # no loop has this id: a loss that is none of ours


class Observer(Source):
    """Turns the events of one training into rows and facts.

    Args:
        recorder: Where they go.
        every: Fixed distance in steps between sampled steps; None chooses it by measured cost.
        thorough: Look more often, as a check of few steps needs.
        limit: Stop the script after this many optimizer steps (backwards where it never steps).
        make_clipper: Gives each optimizer that has none a clipper at its first step.
        only: Observe these optimizers alone; None: all.
        models: Observe the thread that trains one of these models (or optimizers); none: the first that trains.
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
        models: Sequence[nn.Module] = (),
    ) -> None:
        self.recorder = recorder
        self.guard = Guard(recorder.fail)
        self.counts = Counts()
        self.parameters = Parameters()
        deferred = recorder.deferred
        self._models = models
        asked = partial(self.guard.part, "threads")
        self.threads = ObservedThread(
            asked(self._concerns_watched) if only or models else None,
            asked(self._continues),
            asked(self._taken),
            asked(self._other),
        )
        self.modules = ModuleWatch(self.parameters, self._model_input, self.guard.run, self.threads.here)
        self.losses = LossWatch(
            deferred, recorder.metric, self.modules.all_in_eval, lambda call: self.guard.part("losses", call)
        )
        self.modules.on_enter, self.modules.on_return = self.losses.entered, self.losses.returned
        self.activations = Activations(self.parameters)
        self.saved_tensors = True  # what operations kept may be read
        self.leaf_root = False  # a backward began at a leaf
        self._limit = limit
        self._make_clipper = make_clipper
        self.schedule = Schedule(every, thorough)
        self.clock = self.schedule.clock
        self.loops = Loops(self.parameters, only)
        self.dispatch = Dispatch(self.guard, self.threads)
        self.dispatch.add(
            NonfiniteProbe(self.parameters, recorder.latest),
            SteepOperationsProbe(deferred),
            GraphGrowthProbe(recorder.metric),
            ActivationsProbe(self.activations, self.parameters, deferred, recorder.activation),
            LinearPairsProbe(self.parameters),
            SymmetryProbe(self.parameters, self.loops, deferred),
            HandmadeLossProbe(deferred),
            InputBatchesProbe(deferred, recorder.metric),
            BatchMixingProbe(deferred),
            GradientNoiseProbe(deferred),
            RanksProbe(deferred, self.parameters),
            ClipCallsProbe(deferred, self.loops),
            LrSchedulersProbe(self.loops, self.counts),
            LoadersProbe(self.counts),
            GradScalerProbe(deferred),
            ClippersProbe(self.loops),
            CadenceProbe(self.loops, deferred),
            ClearingProbe(self.loops, deferred),
        )
        self.tell = self.modules.tell = self.dispatch.tell
        step = partial(StepByHand, self.counts, self.schedule, recorder, self.tell, self.next_step)
        self.manual = ManualDescent(self.loops, self.parameters, self.counts, step())
        self.functional = FunctionalDescent(self.loops, self.parameters, self.counts, step())
        self._scaled = Roots()
        self._backward: Backward | None = None  # the one under way
        self.last = Backward(None, None, 0, 0, True)  # that one, or the one before
        self._open: Step | None = None  # the optimizer step under way
        self._gradients_exist = self.guard.part("core", self._gradients_ready)
        # Losses of the backwards since the last step, each with ids of the leaves it is known to reach.
        self._recent: list[tuple[float | Tensor | None, set[int] | None]] = []
        self._stepped = False
        self._first_backward: str | None = None
        self._group_settings: dict[tuple[int, int], tuple[Any, ...]] = {}
        recorder.source = self

    @property
    def steps(self) -> int:
        """Optimizer steps so far."""
        return self.counts.steps

    @property
    def backwards(self) -> int:
        """Backward passes so far."""
        return self.counts.backwards

    # -- optimizers

    def optimizer_made(self, optimizer: Optimizer) -> None:
        """An optimizer was constructed."""
        if _rehearses(optimizer):
            return
        self.loops.made(optimizer, self.steps)

    def adopt(self, optimizer: Optimizer) -> Loop:
        """Watch an optimizer, at its first step or before."""
        loop, met_late = self.loops.of(optimizer)
        if met_late and self.loops.only is None:
            for loss, leaves in self._recent:  # its first losses went by unclaimed
                if leaves is None or leaves & loop.parameter_ids:
                    loop.after_backward(loss, self.last.site, True)
        return loop

    # -- threads

    def _concerns_watched(self, what: Tensor | Optimizer) -> bool:
        """Whether a loss or an optimizer belongs to what is watched."""
        if isinstance(what, Optimizer):
            if self.loops.only is not None:
                return id(what) in self.loops.only
            if self.threads.made_here:
                return True  # the loss may not lead to the model that was named: a fault to be found
        return self._reaches(
            what, self.loops.held() | {id(p) for model in self._models for p in model.parameters()}
        )

    def _continues(self, what: Tensor | Optimizer) -> bool:
        """Whether a loss or an optimizer trains what has been trained before."""
        return self._reaches(what, self.loops.held())

    def _reaches(self, what: Tensor | Optimizer, held: set[int]) -> bool:
        if isinstance(what, Optimizer):
            return any(id(p) in held for group in what.param_groups for p in group["params"])
        self.parameters.pair(shards.pairs(self.modules.present()))
        return any(id(leaf) in held for leaf in self.parameters.behind(what))

    def _taken(self, others_before: bool) -> None:
        """This thread is the observed one; forget what others may have begun before it was known."""
        if others_before:
            self.losses.forget()
            self.modules.forget()

    def _other(self, root: Tensor) -> None:
        """Another thread's first backward, in that thread."""
        leaves = {id(leaf) for leaf in self.parameters.behind(root)}
        self.loops.shared_with(leaves)

    def _may_reach(self, loop: Loop) -> bool:
        """Whether a backward that reaches nobody's parameters may be a loop's, and its gradients read."""
        return loop.steps > 0 or not self.threads.others

    # -- backward

    def scaled(self, output: Tensor, scaler: Any) -> None:
        """A GradScaler multiplied a loss."""
        self._scaled.scaled(output, scaler)

    def before_backward(
        self,
        root: Tensor,
        retain_graph: bool | None,
        create_graph: bool,
        parts: Parts = (),
        inputs: Sequence[Tensor] | None = None,
    ) -> None:
        """A backward begins.

        Args:
            root: Where it starts, the sum of all where it starts from several.
            retain_graph: As backward was called.
            create_graph: The same.
            parts: Tensors that it starts from, each with its gradient, where that is more than `root` alone.
            inputs: The leaves that it was asked for by name; None: all.
        """
        self._backward = None
        if without_numbers(root):
            return  # a rehearsal, of shapes alone
        if self._open is not None and not self._open.inside:
            self._open = None  # a step that raised
        counts = self.counts
        stepless = counts.steps == 0 and self._open is None
        if stepless and self._limit is not None and counts.backwards >= self._limit:
            raise StepLimit
        counts.backwards += 1
        site = caller_site()
        # A script that never steps is inspected all the same.
        position = counts.steps + 1 if counts.steps else counts.backwards
        inspected = self.schedule.inspects(position) or site not in self.loops.reach
        backward = self._backward = self.last = Backward(root, site, counts.steps + 1, position, inspected)
        if self._first_backward is None:
            self._first_backward = text_of(site)
        self.modules.step = backward.step
        backward.loss = self._scaled.value(parts or ((root, None),))
        backward.saved_tensors = self.saved_tensors
        if inputs:
            backward.leaves = {id(leaf) for leaf in inputs}
            backward.reached = {id(loop) for loop in self.loops.reached_by(backward.leaves)}
        self.tell.backward_begins(backward)
        if retain_graph and not create_graph:
            self.tell.graph_retained(backward)
        backward.calls = self.losses.before_backward(root, counts.steps)
        if self.manual.active:
            self.manual.before_backward(root, backward)
        for loop in self.loops.own:
            left_over = loop.before_backward()
            if left_over and inspected:
                self.tell.gradients_left_over(loop)
        if inspected:
            began = time.thread_time()
            self._look(root, backward)
            backward.cost = time.thread_time() - began
        self.modules.judge_training(site)

    def _look(self, root: Tensor, backward: Backward) -> None:
        site, calls = backward.site, backward.calls
        backward.batch_size = calls[0].call.described.get("batch_size") if calls else None
        self.parameters.pair(shards.pairs(self.modules.present()))
        if self.loops.only is not None and not self._concerns(root):
            self.loops.reach[site] = _NOBODY
            return
        leaves = self._read(root, backward)
        ids = backward.inspected_leaves = {id(leaf) for leaf in leaves}
        backward.leaves = backward.leaves or ids
        backward.columns = [self.parameters.index_of(leaf) for leaf in leaves if leaf.requires_grad]
        reached = self.loops.reached_by(ids)
        self.loops.reach[site] = {id(loop) for loop in reached}
        self.modules.mark_trained(ids, site)
        backward.model = next((m.name for m in self.modules.models.values() if m.trained), "")
        backward.scores, backward.target = self.losses.take_scores()
        backward.output = self.losses.take_output()
        self.tell.graph_inspected(backward)
        if not self.manual.active and self.loops.only is None and self.manual.wanted(leaves):
            self.manual.active = True
            self.manual.before_backward(root, backward)
        self.parameters.name_from_variables(caller_frame())

    def _read(self, root: Tensor, backward: Backward) -> list[Tensor]:
        """Read the graph; returns the leaves that a gradient will reach, as model and optimizer hold them."""
        if root.grad_fn is None:
            self.leaf_root = self.leaf_root or root.is_leaf
            self.modules.hangs_on_nothing()
            return [root]
        readable_too = backward.saved_tensors and readable(root) is root
        backward.graph = LossGraph(root.grad_fn, saved_tensors=readable_too)
        self.parameters.reached(leaf for leaf in backward.graph.leaves if leaf.requires_grad)
        return [self.parameters.held(leaf) for leaf in backward.graph.leaves]

    def _concerns(self, root: Tensor) -> bool:
        """Whether a loss leads to what the watched optimizers hold."""
        return self._reaches(root, self.loops.held())

    def after_backward(self, given: Mapping[int, Tensor] = _NONE_GIVEN) -> None:
        """The backward has ended.

        Args:
            given: Gradients that it returned instead of leaving them in `.grad`, by their leaf's id.
        """
        backward, self._backward = self._backward, None
        if backward is None:
            return
        reach = backward.reached if backward.reached is not None else self.loops.reach.get(backward.site)
        if self._stepped:
            self._stepped = False
            self._recent.clear()
        if len(self._recent) < _MOST_RECENT:
            self._recent.append((backward.loss, backward.leaves))
        for loop in self.loops.own:
            if self._may_reach(loop) if not reach else id(loop) in reach or loop.touched():
                loop.after_backward(backward.loss, backward.site, bool(reach))
        if backward.inspected:
            self.tell.gradients_inspected(backward)
            if self.counts.steps == 0 or self._open is not None or self.manual.active:
                self.schedule.inspected(backward)
            if self.counts.steps == 0:
                self.parameters.received(backward.columns)
        backward.ends()
        if self.manual.active:
            self.manual.after_backward(given)

    # -- step

    def before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        """An optimizer's step begins; where it has a closure, it is to go on with the arguments returned."""
        if self.manual.active:
            self.manual.give_way()
        loop = self.loops.stepped(optimizer)
        if loop is None and (not self.loops.watches(optimizer) or _rehearses(optimizer)):
            return None
        if self._open is not None:
            if self._open.loop.optimizer() is not optimizer:
                return None  # a wrapper's inner optimizer
            if nested(optimizer):  # what a subclass builds on; else one that raised left it open
                self._open.depth += 1
                return None
        loop = loop or self.adopt(optimizer)
        self.loops.refresh(loop, optimizer)
        if loop.step_site is None or self.last.inspected:
            loop.step_site = caller_site()
        closure = closure_of(args, kwargs)
        step = self._open = Step(
            loop, self.counts.steps + 1, self.last, self.counts.backwards, closure is not None
        )
        step.clipper = attached(optimizer)
        if self._make_clipper is not None and step.clipper is None:
            self.guard.run("clipper", lambda: self._attach_clipper(optimizer, step))
        if self.schedule.samples(loop, loop.parameters):
            began = time.thread_time()
            found = None if closure is not None else [p.grad for p in loop.parameters]
            step.sample = SampledStep(loop.parameters, found)
            step.cost = time.thread_time() - began
        if closure is None:
            self._gradients_ready(step)
            return None
        loop.closure = True
        return with_closure(args, kwargs, step.watched(closure, self._gradients_exist))

    def _gradients_ready(self, step: Step) -> None:
        """The gradients that a step follows are there."""
        loop = step.loop
        step.backward = self.last
        step.measured = True
        step.cleared, step.cleared_before, step.without_backward = loop.before_step(self.counts.backwards)
        step.gradients = [p.grad for p in loop.parameters]
        if step.sample is not None:
            began = time.thread_time()
            step.sample.gradients(step.gradients, getattr(loop.optimizer(), "grad_scale", None))
            step.cost += time.thread_time() - began
        self.tell.gradients_ready(step)
        if step.closure:
            step.losses = [*loop.losses]
        # A clipper measures too, and tells after the step; of a closure, its last evaluation.
        step.norms = self._gradient_norms(step, step.clipper is not None and not step.closure)
        step.gradients = ()
        self.tell.step_begins(step)

    def _attach_clipper(self, optimizer: Optimizer, step: Step) -> None:
        assert self._make_clipper is not None
        step.clipper = self._make_clipper()
        step.clipper.attach(optimizer)

    def _gradient_norms(self, step: Step, measured: bool) -> Norms | None:
        loop = step.loop
        gradients = [gradient for gradient in step.gradients if gradient is not None]
        if not gradients:
            step.without_gradients = True
            return None
        if step.backward.inspected:
            self.parameters.received(
                column
                for gradient, column in zip(step.gradients, loop.columns, strict=True)
                if gradient is not None
            )
        norms = None if measured else gradient_norms(gradients)
        if norms is None and not measured:
            loop.unmeasured.setdefault(
                "gradients lie in parts in several processes, or beneath a class", _NORM
            )
        return norms

    def after_step(self, optimizer: Optimizer) -> None:
        """An optimizer's step has ended."""
        open_step = self._open
        if open_step is None or open_step.thread != get_ident():
            return
        if open_step.loop.optimizer() is not optimizer:
            return
        if open_step.depth:
            open_step.depth -= 1
            return
        self._open = None
        self._stepped = True
        if not open_step.measured:
            self._gradients_ready(open_step)  # a closure that the optimizer never called
        self.counts.steps += 1
        step = open_step.number = self.counts.steps
        backward = open_step.backward = self.last
        loop = open_step.loop
        if open_step.sample is not None:
            self._after_sample(open_step)
        without = (
            open_step.closure and self.counts.backwards == open_step.backwards and not loop.backward_seen()
        )
        losses = loop.after_step()
        open_step.micro_steps = len(losses)
        if without:
            open_step.without_backward = True
        elif open_step.losses is not None:
            losses = open_step.losses
        open_step.losses = losses
        group = optimizer.param_groups[0] if optimizer.param_groups else {}
        lr = group.get("lr")
        now = self.recorder.now()
        self.clock.tick(now, time.thread_time())
        if backward.inspected:
            # All that a look made slower: module hooks, descriptions, the reading of the graph.
            self.schedule.inspected(backward, least=self.clock.last - self.clock.step_time)
        self.recorder.step(
            PendingStep(
                step,
                loop.index,
                now,
                losses,
                open_step.norms,
                lr.detach().clone() if isinstance(lr, Tensor) else lr,
                open_step.clip,
                getattr(optimizer, "found_inf", None),
                getattr(optimizer, "grad_scale", None) if open_step.clipper is None else None,
                partial(self.tell.changed_norm_arrived, loop) if loop.touched_before_step else None,
            )
        )
        self.tell.step_ends(open_step)
        if backward.inspected or len(optimizer.param_groups) > 1:
            self._settings(step, loop, optimizer)
        self.next_step(step)

    def _after_sample(self, step: Step) -> None:
        assert step.sample is not None
        began = time.thread_time()
        step.sample.after()
        step.sample.hand_over(step.number, step.loop.index, step.loop.columns, self.recorder.layer)
        cost = step.cost + time.thread_time() - began
        self.schedule.sampled(step.loop, step.loop.steps + 1, cost)

    def next_step(self, step: int) -> None:
        """After a step: is the next one looked at, or was this the last one wanted?

        Raises:
            StepLimit: It was.
        """
        # The forward of the next step comes before its backward: decide now whether its modules are watched.
        if self.schedule.inspects(step + 1):
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
        if self._open is None:
            self.modules.open()

    def _model_input(self, phase: str, batch: Tensor, module: nn.Module) -> None:
        if readable(batch) is batch:
            self.tell.batch_entered(phase, batch, module, self.counts.steps + 1, self.losses.looking)

    def close(self) -> None:
        """The training has ended: settle what is still open."""
        self.losses.close(self.counts.steps)
        if self.manual.active:
            self.manual.settle()

    def let_go(self) -> None:
        """Recording has stopped: hold nothing of the training any more, only how far it came."""
        for name in set(vars(self)) - _KEPT:
            delattr(self, name)

    # -- what a flush asks

    def counted(self) -> tuple[int, int]:
        """Steps and backwards so far."""
        return self.counts.steps, self.counts.backwards

    def settles(self) -> bool:
        """Whether the thread that asks may change what capture keeps."""
        return self.threads.settles

    def changed_parameters(self) -> list[ParameterInfo]:
        """Parameters that are new or other than when they were last asked for."""
        return self.parameters.changed()

    def parameters_again(self) -> None:
        """All of them are asked for anew."""
        self.parameters.again()

    def stepping_optimizers(self) -> list[OptimizerInfo]:
        """Those that have stepped, and descent by hand."""
        return [loop.info() for loop in self.loops.stepping]

    def activations_since(self, count: int) -> list[ActivationInfo]:
        """Nonlinearities met after the first so many."""
        return self.activations.since(count)

    def facts(self) -> Iterator[Fact]:
        """Everything structural, as it stands."""
        self.loops.let_go()
        self.loops.leave_to_others(self.threads.other_optimizers)
        modules = self.modules
        yield structure.calls(self.counts, self.loops, self._first_backward, modules.training_forwards)
        yield from structure.optimizers(self.loops)
        yield structure.reach(
            self.parameters,
            self.loops,
            cuts=modules.cuts,
            returned=modules.returned,
            leaf_root=self.leaf_root,
            unregistered=modules.unregistered,
        )
        yield from self.modules.facts()
        yield from self.losses.facts()
        yield from self.dispatch.facts()
        yield from self.threads.facts()
        yield from self.guard.facts()


def _rehearses(optimizer: Optimizer) -> bool:
    """Whether an optimizer moves tensors that have shapes and no numbers."""
    first = next((p for group in optimizer.param_groups for p in group["params"]), None)
    return isinstance(first, Tensor) and without_numbers(first)
