"""Phases of a training: one optimizer after another on the same model, each with its schedule and its clipper."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

from torch.optim import Optimizer

from surefoot.clipping import Clipper
from surefoot.errors import CheckpointError, SettingError
from surefoot.schedules import Schedule, ScheduledLR
from surefoot.training.guard import clipper_for
from surefoot.training.stepping import Stepper
from surefoot.training.tree import copied

FIRST_PHASE: Mapping[str, int] = {"index": 0, "step": 0, "epoch": 0}


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stretch of a training, `fit(phases=[…])`; the model's weights go on, the optimizer is the phase's own.

    Args:
        optimizer: As `fit` takes it.
        steps: How many optimizer steps it takes; or
        epochs: how many epochs.
        lr: Learning rate, for an optimizer given by name.
        schedule: Factor of the rate over the steps or epochs of this phase, which begin at 0.
        clip: As `fit` takes it; "same": that of `fit`, with nothing learned from the phase before.

    Example:
        >>> Phase(optimizer="sgd", lr=0.1, steps=300).steps
        300
    """

    optimizer: str | Mapping[str, Any] | Optimizer
    steps: int | None = None
    epochs: int | None = None
    lr: float | None = None
    schedule: Schedule | str | Callable[[int], float] | None = None
    clip: Literal["same", "auto"] | float | Clipper | None = "same"


def as_phases(
    phases: Sequence[Phase | Mapping[str, Any]] | None,
    alone: Phase,
) -> list[Phase]:
    """The phases of a training; what is given outside of them is the only one where there are none.

    Args:
        phases: As `fit` takes them.
        alone: The training without phases.

    Raises:
        SettingError: A setting is given in both places, or the phases' lengths have not one unit.
    """
    if phases is None:
        return [alone]
    found = [_phase(number, given) for number, given in enumerate(phases, 1)]
    if not found:
        raise SettingError("phases is empty: give one phase or more, or leave it out.")
    for name, default in (
        ("optimizer", "adamw"),
        ("lr", None),
        ("schedule", None),
        ("steps", None),
        ("epochs", None),
    ):
        given = getattr(alone, name)
        if given is not default and not (isinstance(given, str) and given == default):
            raise SettingError(f"{name} is given beside phases: give it in each phase.")
    _one_unit(found)
    own = [phase.optimizer for phase in found if isinstance(phase.optimizer, Optimizer)]
    if len({id(optimizer) for optimizer in own}) < len(own):
        raise SettingError("Two phases have one optimizer object: give each its own, or its name.")
    return found


def _phase(number: int, given: Any) -> Phase:
    if isinstance(given, Phase):
        return given
    if not isinstance(given, Mapping):
        raise SettingError(
            f"phases: phase {number} is a {type(given).__name__}: give a Phase or a dictionary."
        )
    known = [each.name for each in fields(Phase)]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}."
            raise SettingError(f"phases: phase {number} has no setting {key!r}: {hint}")
    if "optimizer" not in given:
        raise SettingError(f"phases: phase {number} has no optimizer: name one.")
    return Phase(**given)


def _one_unit(phases: Sequence[Phase]) -> None:
    for number, phase in enumerate(phases, 1):
        if (phase.steps is None) == (phase.epochs is None):
            raise SettingError(
                f"phases: say how long phase {number} is: give either its epochs or its steps."
            )
        for name in ("steps", "epochs"):
            length = getattr(phase, name)
            if length is not None and (isinstance(length, bool) or not isinstance(length, int) or length < 1):
                raise SettingError(
                    f"phases: {name} of phase {number} is {length!r}: give a whole number of at least 1."
                )
        rate: Any = phase.lr
        if rate == "find":
            raise SettingError(
                f"phases: lr of phase {number} is 'find', which is for a training with one optimizer: find it with "
                "surefoot.find_lr and give the number."
            )
    if len({phase.steps is None for phase in phases}) > 1:
        raise SettingError("phases: some lengths are in steps and some in epochs: give all in one of them.")


def length_of(phases: Sequence[Phase], unit: Literal["steps", "epochs"]) -> int | None:
    """Length of all phases together; None in the other unit."""
    lengths = [getattr(phase, unit) for phase in phases]
    return sum(lengths) if None not in lengths else None


def clippers_of(phases: Sequence[Phase], clip: Any, optimizers: Sequence[Optimizer]) -> list[Clipper]:
    """A clipper for each phase.

    Args:
        phases: Those that say "same" have that of the whole training.
        clip: That of the whole training, as `fit` takes it.
        optimizers: One a phase.

    Raises:
        SettingError: One is nothing of the kind.
    """
    found: list[Clipper] = []
    for phase, optimizer in zip(phases, optimizers, strict=True):
        clipper = clipper_for(clip if _same(phase.clip) else phase.clip, optimizer)
        found.append(clipper.clone() if any(clipper is earlier for earlier in found) else clipper)
    return found


def _same(clip: Any) -> bool:
    return isinstance(clip, str) and clip == "same"


@dataclass
class Part:
    """What one phase trains with.

    Args:
        phase: Its settings.
        raw: The torch optimizer.
        stepper: Takes its steps.
        rates: Its schedule at work.
        clipper: Its clipper.
    """

    phase: Phase
    raw: Optimizer
    stepper: Stepper
    rates: ScheduledLR
    clipper: Clipper


class Phases:
    """Which phase a training is in.

    Args:
        parts: One or more.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        # After a rewind a phase may begin a second time, as it was made.
        self._fresh = [_states(part) for part in parts] if len(parts) > 1 else []
        self.index = 0
        self.began_at_step = 0
        self.began_in_epoch = 0
        self._scale = 1.0

    @property
    def now(self) -> Part:
        """The present one."""
        return self._parts[self.index]

    def over(self, step: int, epoch: int) -> bool:
        """Whether the present phase has had its steps or epochs and another follows."""
        if self.index == len(self._parts) - 1:
            return False
        phase = self.now.phase
        if phase.steps is not None:
            return step - self.began_at_step >= phase.steps
        return phase.epochs is not None and epoch - self.began_in_epoch >= phase.epochs

    def next(self, step: int, epoch: int) -> None:
        """Enter the next phase: a fresh optimizer, its schedule at 0."""
        self.now.raw.zero_grad()
        self.index, self.began_at_step, self.began_in_epoch = self.index + 1, step, epoch
        fresh = copied(self._fresh[self.index])
        self.now.raw.load_state_dict(fresh["optimizer"])
        self.now.clipper.load_state_dict(fresh["clipper"])
        self.scale_rates(self._scale, step)

    def go_to(self, step: int) -> None:
        """Set the rates of a step of the whole training."""
        self.now.rates.go_to(step - self.began_at_step)

    def scale_rates(self, scale: float, step: int) -> None:
        """Multiply all rates from now on, those of later phases too."""
        part, self._scale = self.now, scale
        part.rates.base_lrs = [group["initial_lr"] * scale for group in part.raw.param_groups]
        self.go_to(step)

    def state_dict(self) -> dict[str, int]:
        """Which phase, and where it began."""
        return {"index": self.index, "step": self.began_at_step, "epoch": self.began_in_epoch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go to the phase that was saved.

        Raises:
            CheckpointError: There is none of that number.
        """
        if not 0 <= state["index"] < len(self._parts):
            raise CheckpointError(
                f"The checkpoint is of phase {state['index'] + 1} and this training has {len(self._parts)}: continue "
                "with the same phases, or begin anew in another folder."
            )
        self.index, self.began_at_step, self.began_in_epoch = state["index"], state["step"], state["epoch"]

    def told(self, each: Callable[[Part], str]) -> str:
        """Something of every phase in one line, with the lengths that a checkpoint must agree on."""
        said = []
        for part in self._parts[:-1]:
            length = (
                f"{part.phase.steps} steps" if part.phase.steps is not None else f"{part.phase.epochs} epochs"
            )
            said.append(f"{each(part)} for {length}")
        return ", then ".join([*said, each(self._parts[-1])])


def _states(part: Part) -> dict[str, Any]:
    return {"optimizer": copied(part.raw.state_dict()), "clipper": copied(part.clipper.state_dict())}
