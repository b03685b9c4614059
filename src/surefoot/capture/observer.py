"""The heart of capture: makes the parts that turn the events of a training into rows and facts.

backwards.py   a backward begins and ends: was anything cleared?  now and then its graph is read
steps.py       a step begins: gradient norms; on a sampled step more; it ends: a row
probes/        hear of both, and give facts
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture import structure
from surefoot.capture.activations import Activations
from surefoot.capture.backwards import Backwards
from surefoot.capture.by_hand import StepByHand
from surefoot.capture.cruise import Cruise
from surefoot.capture.events.dispatch import Dispatch
from surefoot.capture.events.records import Counts, Progress
from surefoot.capture.functional import FunctionalDescent
from surefoot.capture.guard import Guard
from surefoot.capture.loop import Loop
from surefoot.capture.loops import Loops
from surefoot.capture.losses import LossWatch
from surefoot.capture.manual import ManualDescent
from surefoot.capture.modules import ModuleWatch
from surefoot.capture.parameters import Parameters
from surefoot.capture.probes.activations import ActivationsProbe
from surefoot.capture.probes.batch_mixing import BatchMixingProbe
from surefoot.capture.probes.cadence import CadenceProbe
from surefoot.capture.probes.clearing import ClearingProbe
from surefoot.capture.probes.clip_calls import ClipCallsProbe
from surefoot.capture.probes.clippers import ClippersProbe
from surefoot.capture.probes.compilations import CompilationsProbe
from surefoot.capture.probes.data_wait import DataWaitProbe
from surefoot.capture.probes.grad_scaler import GradScalerProbe
from surefoot.capture.probes.gradient_noise import GradientNoiseProbe
from surefoot.capture.probes.graph_growth import GraphGrowthProbe
from surefoot.capture.probes.handmade_loss import HandmadeLossProbe
from surefoot.capture.probes.input_batches import InputBatchesProbe
from surefoot.capture.probes.kept_graphs import KeptGraphsProbe
from surefoot.capture.probes.linear_pairs import LinearPairsProbe
from surefoot.capture.probes.loaders import LoadersProbe
from surefoot.capture.probes.lr_schedulers import LrSchedulersProbe
from surefoot.capture.probes.memory import MemoryProbe
from surefoot.capture.probes.nonfinite import NonfiniteProbe
from surefoot.capture.probes.ranks import RanksProbe
from surefoot.capture.probes.steep_operations import SteepOperationsProbe
from surefoot.capture.probes.symmetry import SymmetryProbe
from surefoot.capture.probes.teachers import TeachersProbe
from surefoot.capture.probes.token_targets import TokenTargetsProbe
from surefoot.capture.recorder import Recorder, Source
from surefoot.capture.sampling import Schedule
from surefoot.capture.steps import ClipperFactory, Steps
from surefoot.capture.threads import ObservedThread
from surefoot.capture.training import Training
from surefoot.capture.unseen import readable
from surefoot.capture.whose import Whose, rehearses
from surefoot.facts import Fact
from surefoot.records import ActivationInfo, OptimizerInfo, ParameterInfo


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
        self.guard = guard = Guard(recorder.fail)
        self.counts = counts = Counts()
        progress = Progress(counts)
        parameters = Parameters()
        loops = Loops(parameters, only)
        schedule = Schedule(every, thorough)
        asked = partial(guard.part, "threads")
        self.threads = threads = ObservedThread(
            asked(self._concerns_watched) if only or models else None,
            asked(self._continues),
            asked(self._taken),
            asked(self._other),
        )
        self.dispatch = Dispatch(guard, threads)
        tell = self.dispatch.tell
        losses = LossWatch(
            recorder.deferred,
            recorder.metric,
            self._in_eval,
            progress,
            lambda call: guard.part("losses", call),
        )
        modules = ModuleWatch(parameters, progress, losses, tell, self._model_input, guard.run, threads.here)
        step = partial(StepByHand, counts, schedule, recorder, tell, self._step_ended)
        manual = ManualDescent(loops, parameters, counts, step())
        self.functional = FunctionalDescent(loops, parameters, counts, step())
        whose = Whose(parameters, loops, modules, models)
        self.training: Training = Training(
            guard,
            recorder,
            progress,
            parameters,
            loops,
            modules,
            losses,
            schedule,
            manual,
            whose,
            threads,
            tell,
        )
        self.backwards = Backwards(self.training, limit)
        self.steps: Steps = Steps(self.training, limit, make_clipper)
        self.cruise = Cruise(self.training, self.backwards, self.steps)
        self.activations = Activations(parameters)
        self._add_probes()
        recorder.source = self

    def _add_probes(self) -> None:
        at, recorder, counts = self.training, self.recorder, self.counts
        deferred, parameters, loops = recorder.deferred, at.parameters, at.loops
        self.dispatch.add(
            NonfiniteProbe(parameters, recorder.latest),
            SteepOperationsProbe(deferred),
            TokenTargetsProbe(deferred),
            KeptGraphsProbe(),
            TeachersProbe(deferred, counts),
            GraphGrowthProbe(recorder.metric),
            ActivationsProbe(self.activations, parameters, deferred, recorder.activation),
            LinearPairsProbe(parameters),
            SymmetryProbe(parameters, loops, deferred),
            HandmadeLossProbe(deferred),
            InputBatchesProbe(deferred, recorder.metric),
            BatchMixingProbe(deferred),
            GradientNoiseProbe(deferred),
            RanksProbe(deferred, parameters),
            ClipCallsProbe(deferred, loops),
            LrSchedulersProbe(loops, counts),
            LoadersProbe(counts),
            DataWaitProbe(),
            CompilationsProbe(counts),
            MemoryProbe(counts),
            GradScalerProbe(deferred),
            ClippersProbe(loops),
            CadenceProbe(loops, deferred, at.schedule),
            ClearingProbe(loops, deferred),
        )

    # -- threads

    def _concerns_watched(self, what: Tensor | Optimizer) -> bool:
        return self.training.whose.watched(what, self.threads.made_here)

    def _continues(self, what: Tensor | Optimizer) -> bool:
        return self.training.whose.continues(what)

    def _other(self, root: Tensor) -> None:
        self.training.whose.of_another_thread(root)

    def _taken(self, others_before: bool) -> None:
        """This thread is the observed one; forget what others may have begun before it was known."""
        if others_before:
            self.training.losses.forget()
            self.training.modules.forget()

    # -- what else happens

    def optimizer_made(self, optimizer: Optimizer) -> None:
        """An optimizer was constructed."""
        if not rehearses(optimizer):
            self.training.loops.made(optimizer, self.counts.steps)

    def adopt(self, optimizer: Optimizer) -> Loop:
        """Watch an optimizer before its first step."""
        return self.steps.adopt(optimizer)

    def mode_changes(self) -> None:
        """A module is switched between train and eval mode."""
        self.training.modules.mode_changed()
        self.attention()

    def attention(self) -> None:
        """Something that often begins an evaluation: gradients switched off, a mode changed, a loader begun anew."""
        if self.training.progress.step is None and self.cruise.open is None:
            self.training.modules.open()

    def _in_eval(self) -> bool:
        return self.training.modules.all_in_eval()

    def _step_ended(self, number: int) -> None:
        self.steps.next(number)

    def _model_input(self, phase: str, batch: Tensor, module: nn.Module) -> None:
        if readable(batch) is batch:
            looking = self.training.losses.looking
            self.training.tell.batch_entered(phase, batch, module, self.counts.steps + 1, looking)

    def close(self) -> None:
        """The training has ended: settle what is still open."""
        self.training.losses.close(self.counts.steps)
        if self.training.manual.active:
            self.training.manual.settle()

    def end_soon(self) -> None:
        """Let the script end at its next step, as at a limit; from any thread."""
        self.steps.limit = self.backwards.limit = 0

    def let_go(self) -> None:
        """Recording has stopped: hold nothing of the training any more, only how far it came."""
        for part in (self.training, self.backwards, self.steps, self.functional, self.activations):
            vars(part).clear()
        self.cruise.let_go()

    # -- what a flush asks

    def counted(self) -> tuple[int, int]:
        """Steps and backwards so far."""
        return self.counts.steps, self.counts.backwards

    def settles(self) -> bool:
        """Whether the thread that asks may change what capture keeps."""
        return self.threads.settles

    def changed_parameters(self) -> list[ParameterInfo]:
        """Parameters that are new or other than when they were last asked for."""
        return self.training.parameters.changed()

    def parameters_again(self) -> None:
        """All of them are asked for anew."""
        self.training.parameters.again()

    def stepping_optimizers(self) -> list[OptimizerInfo]:
        """Those that have stepped, and descent by hand."""
        return [loop.info() for loop in self.training.loops.stepping]

    def activations_since(self, count: int) -> list[ActivationInfo]:
        """Nonlinearities met after the first so many."""
        return self.activations.since(count)

    def facts(self) -> Iterator[Fact]:
        """Everything structural, as it stands."""
        loops, modules = self.training.loops, self.training.modules
        self.cruise.settle()
        loops.let_go()
        loops.leave_to_others(self.threads.other_optimizers)
        yield structure.calls(self.counts, loops, self.backwards.first, modules.training_forwards)
        yield from structure.optimizers(loops)
        yield structure.reach(
            self.training.parameters,
            loops,
            cuts=modules.cuts,
            returned=modules.returned,
            leaf_root=self.backwards.leaf_root,
            unregistered=modules.unregistered,
        )
        yield from modules.facts()
        yield from self.training.losses.facts()
        yield from self.dispatch.facts()
        yield from self.threads.facts()
        yield from self.guard.facts()
