"""What a landscape of somebody's script needs: the model, the last batches, the loss, the path; kept while it runs."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.capture.passes import Passes
from surefoot.capture.place import Site, caller_frame, text_of
from surefoot.capture.replay import Program, Replay, gathered, point_again
from surefoot.errors import NothingTrained, ScriptError
from surefoot.landscape.objective import Mode, Objective, undisturbed
from surefoot.landscape.trajectory import TrajectoryRecorder
from surefoot.norms import global_norm, per_parameter_norms
from surefoot.records import Series
from surefoot.surfaces import Trajectory

BATCHES = 16
_MOST_PLACES = 8
_INSTEAD = "call surefoot.landscape(model, loss, data) at the end of the script instead"
_CLOSE = {torch.float64: 1e-9, torch.float32: 1e-4}  # relative; the rest are coarser still


@dataclass(frozen=True)
class Kept:
    """A script's loss, ready to be computed again.

    Args:
        model: As the script left it.
        replay: Computes the loss of a batch on a copy of it.
        programs: The last batches.
        trajectory: The parameters at each step.
        place: The line of the backward pass.
        recorded: The loss of the last batch in the script.
        recomputed: The same computed again at the parameters it had then.
        loss: At each step.
        grad_norm: At each step; empty unless asked for.
    """

    model: nn.Module
    replay: Replay
    programs: tuple[Program, ...]
    trajectory: Trajectory
    place: str
    recorded: float
    recomputed: float
    loss: Series
    grad_norm: Series

    def objective(self, *, mode: Mode = "eval", seed: int = 0) -> Objective:
        """Mean loss over the kept batches as a function of the parameters."""
        batches = [program.batch() for program in self.programs]
        return Objective(self.model, data=batches, compute=self.replay.compute, mode=mode, seed=seed)

    def fit_data(self) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a model of one input and one output.

        Raises:
            ScriptError: It is none, or its targets cannot be told.
        """
        pairs = [_pair(program, self.model) for program in self.programs]
        known = [pair for pair in pairs if pair is not None]
        if not known:
            raise ScriptError(
                "the script's model is not one of one input and one output; choose --kind path."
            )
        return torch.cat([x for x, _ in known]), torch.cat([y for _, y in known])


class _Place:
    """The losses of one line that calls backward."""

    def __init__(self, program: Program, site: Site | None, frame: FrameType | None) -> None:
        self.site = site
        self.model, self.names = gathered(program, variable_names(frame))
        self.replay = Replay(self.model, self.names)
        self.recorder = TrajectoryRecorder(self.model, name="training")
        self.programs: OrderedDict[Any, Program] = OrderedDict()
        self.state: dict[str, Tensor] = {}
        self.clock: int | None = None
        self.points = 0
        self.count = 0
        self.losses: list[tuple[int, Tensor]] = []
        self.trouble: str | None = None
        self.last = program

    def add(self, program: Program, clock: int, batches: int) -> None:
        """One more backward pass."""
        if len(program.leaves) != len(self.names):
            self.trouble = "the loss depends on other parameters at some steps than at others"
            return
        self.count += 1
        self.last = program
        point_again(self.model, program, self.names)
        self._remember()
        self.programs[program.key] = program
        self.programs.move_to_end(program.key)
        if len(self.programs) > batches:
            self.programs.popitem(last=False)
        if clock != self.clock:
            self.clock = clock
            self.recorder.record(program.value, step=self.points)
            self.losses.append((self.points + 1, program.value))
            self.points += 1

    def _remember(self) -> None:
        with torch.no_grad():
            for name, tensor in (*self.model.named_parameters(), *self.model.named_buffers()):
                kept = self.state.get(name)
                if kept is None or kept.shape != tensor.shape:
                    self.state[name] = tensor.detach().clone()
                else:
                    kept.copy_(tensor)

    def finish(self) -> None:
        """The trained point, if the parameters have moved since the last backward pass."""
        now = dict(self.model.named_parameters())
        if any(
            not torch.equal(self.state[name], p.detach()) for name, p in now.items() if name in self.state
        ):
            self.recorder.record(step=self.points)
        self.recorder.record_last()

    def computed_again(self) -> float:
        """The last loss, on a copy with the parameters, modes and random state it had."""
        model = copy.deepcopy(self.model)
        with torch.no_grad():
            for name, tensor in (*model.named_parameters(), *model.named_buffers()):
                if name in self.state:
                    tensor.copy_(self.state[name])
        with undisturbed(), torch.enable_grad():
            return float(self.replay.exactly(model, self.last).detach())


class Keeper(Passes):
    """Keeps while a script runs; ask `kept` at its end.

    Args:
        batches: How many different ones at the most, the last of them.
        limit: Stop the script after so many optimizer steps.
        norms: Also keep the gradient norm of each step.
    """

    def __init__(self, *, batches: int = BATCHES, limit: int | None = None, norms: bool = False) -> None:
        super().__init__(limit)
        self._batches = batches
        self._norms = norms
        self._places: dict[Site | None, _Place] = {}
        self._grad_norms: dict[int, Tensor] = {}

    def backward(self, program: Program | None, roots: list[Tensor], site: Site | None) -> None:
        """Keep what a backward pass needs."""
        if program is None:
            return
        place = self._places.get(site)
        if place is None:
            if len(self._places) >= _MOST_PLACES:
                return
            if program.trouble is not None:
                self.fault = self.fault or program.trouble
                return
            place = self._places[site] = _Place(program, site, caller_frame())
        place.add(program, self.clock, self._batches)

    def before_step(self, optimizer: Optimizer) -> None:
        """Keep the gradient norm."""
        if self._norms:
            gradients = [
                p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None
            ]
            if gradients:
                self._grad_norms[self.steps + 1] = global_norm(per_parameter_norms(gradients))

    def kept(self) -> Kept:
        """What was kept, of the line that called backward most often.

        Raises:
            NothingTrained: There was no backward pass.
            ScriptError: The loss cannot be computed again; the message says why.
        """
        if not self.backwards:
            raise NothingTrained(
                "the script ended without a call of backward or torch.autograd.grad, so there is no loss "
                f"to draw; {_INSTEAD}."
            )
        if not self._places:
            why = self.fault or "backward began at something whose origin was not seen"
            raise ScriptError(f"the script's loss cannot be computed again ({why}); {_INSTEAD}.")
        place = max(self._places.values(), key=lambda p: p.count)
        place.finish()
        recorded = float(place.last.value)
        usable = tuple(program for program in place.programs.values() if program.trouble is None)
        trouble = place.trouble or place.last.trouble
        if trouble is not None:
            raise ScriptError(f"the script's loss cannot be computed again ({trouble}); {_INSTEAD}.")
        try:
            recomputed = place.computed_again()
        except Exception as error:
            why = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
            raise ScriptError(f"the script's loss cannot be computed again ({why}); {_INSTEAD}.") from error
        close = _CLOSE.get(place.last.value.dtype, 1e-2)
        if not abs(recomputed - recorded) <= close * max(abs(recorded), 1e-3):
            raise ScriptError(
                f"the loss of the last batch was {recorded:.6g} in the script and is {recomputed:.6g} when it is "
                f"computed again, so a landscape of it would be another's; {_INSTEAD}."
            )
        return Kept(
            model=place.model,
            replay=place.replay,
            programs=usable,
            trajectory=place.recorder.trajectory(),
            place=text_of(place.site) or "the script",
            recorded=recorded,
            recomputed=recomputed,
            loss=_series(place.losses),
            grad_norm=_series(list(self._grad_norms.items())),
        )


def _series(numbers: list[tuple[int, Tensor]]) -> Series:
    values = torch.stack([value.float().cpu() for _, value in numbers]).tolist() if numbers else []
    return Series.of(values, [step for step, _ in numbers])


def variable_names(frame: FrameType | None) -> Callable[[Tensor, int], str]:
    """Names bare tensors by the variables of the script that hold them."""
    names: dict[int, str] = {}
    for variables in (frame.f_globals, frame.f_locals) if frame is not None else ():
        for variable, value in list(variables.items()):
            if isinstance(value, Tensor):
                names[id(value)] = variable
            elif isinstance(value, (list, tuple)) and len(value) <= 64:
                for position, item in enumerate(value):
                    if isinstance(item, Tensor):
                        names.setdefault(id(item), f"{variable}_{position}")

    def name(tensor: Tensor, position: int) -> str:
        return names.get(id(tensor), f"parameter_{position}")

    return name


def _pair(program: Program, model: nn.Module) -> tuple[Tensor, Tensor] | None:
    calls = [call for call in program.calls if call.module is not None and call.module is model]
    if len(calls) != 1:
        return None
    own = [c.tensor for c in program.constants if c in calls[0].leaves]
    if len(own) != 1 or own[0].numel() != len(own[0]):
        return None
    inputs = own[0]
    same = [c.tensor for c in program.constants if c.tensor is not inputs and c.tensor.numel() == len(inputs)]
    targets = [t for t in same if t.is_floating_point()]
    return (inputs.reshape(-1, 1), targets[0].reshape(-1, 1)) if targets else None
