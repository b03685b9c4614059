"""The loop: steps, validations, checkpoints, and the way back after a divergence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.clipping import Clipper
from surefoot.errors import CheckpointError, ClippingError, NonfiniteGradient
from surefoot.interrupts import pass_on
from surefoot.training.batches import Source
from surefoot.training.checkpoint import checkpoint_name, read_checkpoint, read_index, write_checkpoint
from surefoot.training.divergence import Divergence
from surefoot.training.early_stopping import EarlyStopping
from surefoot.training.engine import Engine
from surefoot.training.phases import FIRST_PHASE, Phases
from surefoot.training.progress import ProgressLine
from surefoot.training.random_state import random_state, set_random_state
from surefoot.training.result import Ended
from surefoot.training.resuming import check_fits, check_settings_fit, parameter_names
from surefoot.training.tree import copied, to_float64
from surefoot.training.validation import Validation

FLUSH_STEPS = 20  # losses come to the host together
MOST_REWINDS = 5


@dataclass
class Position:
    """Where a training is. A step is counted once it has been taken."""

    step: int = 0
    epoch: int = 0
    step_in_epoch: int = 0


@dataclass(frozen=True)
class Plan:
    """When what happens.

    Args:
        steps: Where to end; None if `epochs` ends it.
        epochs: Likewise.
        validate_every: Steps between validations; None: at the end of each epoch.
        checkpoint_every: Steps between checkpoints; None: at the end of each epoch.
        on_divergence: "stop" or "rewind".
        folder: Where checkpoints go; None for none.
        restore_best: Put the weights of the best validation into the model at the end.
        settings: What a checkpoint must agree on to be continued.
    """

    steps: int | None
    epochs: int | None
    validate_every: int | None
    checkpoint_every: int | None
    on_divergence: Literal["stop", "rewind"]
    folder: Path | None
    restore_best: bool
    settings: Mapping[str, Any]


class Diverged(Exception):
    """The training ran away; the message says how one saw it."""


class Loop:
    """One training. Arguments are the parts that `fit` has made; see there."""

    def __init__(
        self,
        *,
        plan: Plan,
        engine: Engine,
        own: nn.Module,
        model: nn.Module,
        phases: Phases,
        source: Source,
        validation: Validation | None,
        stopping: EarlyStopping,
        log: Callable[..., None],
        progress: ProgressLine,
    ) -> None:
        self.plan = plan
        self.engine = engine
        self.own = own
        self.model = model
        self.phases = phases
        self.source = source
        self.validation = validation
        self.stopping = stopping
        self.log = log
        self.progress = progress
        self.at = Position()
        self.losses: list[float] = []
        self.validations: list[dict[str, Any]] = []
        self.rewinds: list[tuple[int, int, float]] = []
        self.lr_scale = 1.0
        self._divergence = Divergence()
        self._waiting: list[Tensor] = []
        self._overflows = 0
        self._good: dict[str, Any] | None = None
        self._best: dict[str, Any] | None = None

    @property
    def raw(self) -> Optimizer:
        """The torch optimizer of the present phase."""
        return self.phases.now.raw

    @property
    def clipper(self) -> Clipper:
        """Its clipper."""
        return self.phases.now.clipper

    # ---- from begin to end

    def run(self) -> tuple[Ended, str]:
        """Train to the end; returns how it ended, and one sentence on that."""
        if self.plan.on_divergence == "rewind" and not self.losses:
            self._checkpoint()
        while True:
            try:
                ended = self._train()
            except (Diverged, NonfiniteGradient) as error:
                if not self._rewound(str(error)):
                    return "diverged", f"diverged at step {self.at.step}: {error}"
                continue
            if self.plan.restore_best:
                self._restore_best()
            return ended

    def _train(self) -> tuple[Ended, str]:
        at, plan, phases = self.at, self.plan, self.phases
        while not self._over() and not self.stopping.due:
            complete = True
            for batch in self.source.steps(at.epoch, at.step_in_epoch):
                if phases.over(at.step, at.epoch):
                    phases.next(at.step, at.epoch)
                self._waiting.append(phases.now.stepper(batch))
                at.step += 1
                at.step_in_epoch += 1
                phases.go_to(at.step)
                self._after_step()
                if self.stopping.due or (plan.steps is not None and at.step >= plan.steps):
                    complete = self.source.steps_per_epoch == at.step_in_epoch
                    break
            if complete:
                at.epoch, at.step_in_epoch = at.epoch + 1, 0
            if complete or self._over() or self.stopping.due:
                self._after_epoch()
        if self.stopping.due:
            waited = f"validation has not improved since step {self.stopping.best_step}"
            return "stopped early", f"stopped at step {at.step}: {waited}"
        return "finished", f"finished after {at.step} steps"

    def _over(self) -> bool:
        plan = self.plan
        return (plan.steps is not None and self.at.step >= plan.steps) or (
            plan.epochs is not None and self.at.epoch >= plan.epochs
        )

    def _after_step(self) -> None:
        step, plan = self.at.step, self.plan
        if self.engine.scaler is not None:
            self._count_overflows()
        if step % FLUSH_STEPS == 0:
            self._flush()
        due = plan.checkpoint_every is not None and step % plan.checkpoint_every == 0
        if plan.validate_every is not None and step % plan.validate_every == 0:
            self._validate(due)
        elif due:
            self._checkpoint()
        self.progress.update(
            step, self.losses[-1] if self.losses else None, float(self.raw.param_groups[0]["lr"])
        )

    def _after_epoch(self) -> None:
        self._flush()
        last = self._over() or self.stopping.due
        validated = bool(self.validations) and self.validations[-1]["step"] == self.at.step
        if self.validation is not None and not validated and (self.plan.validate_every is None or last):
            self._validate(True)
        elif self.plan.checkpoint_every is None or last:
            self._checkpoint()

    # ---- numbers on their way to the host

    def _flush(self) -> None:
        """Fetch the losses that wait on the device.

        Raises:
            Diverged: They show it.
        """
        if not self._waiting:
            return
        waiting = self.engine.summed(torch.stack(self._waiting))
        self._waiting = []
        losses = waiting.to("cpu", torch.float64).tolist()
        self.losses += losses
        reason = self._divergence.seen(losses)
        if reason is not None:
            raise Diverged(reason)

    def _count_overflows(self) -> None:
        skipped = self.phases.now.stepper.skipped
        self._overflows = self._overflows + 1 if skipped else 0
        if self._overflows > self.clipper.max_consecutive_skips:
            raise Diverged(f"{self._overflows} steps in a row overflowed")

    def _validate(self, checkpoint: bool) -> None:
        assert self.validation is not None
        self._flush()
        found = self.validation(self.model, self.engine)
        self.validations.append({"step": self.at.step, **found})
        self.log(**found)
        best = self.stopping.seen(found["val_loss"], self.at.step)
        if best and self.plan.restore_best and self.plan.folder is None:
            self._best = {key: value.detach().clone() for key, value in self.own.state_dict().items()}
        if checkpoint or best:
            self._checkpoint(best)

    # ---- checkpoints

    def _checkpoint(self, best: bool = False) -> None:
        """Keep the present state, on disk if there is a folder, in memory if it may be needed to rewind."""
        self._flush()
        folder, good = self.plan.folder, self._divergence.healthy
        if folder is None:
            if good and self.plan.on_divergence == "rewind":
                self._good = copied(self.state())
            return
        state = self.state()
        if self.engine.main:
            marks = ["last", *(["best"] if best else []), *(["good"] if good else [])]
            write_checkpoint(folder, checkpoint_name(self.at.step), state, marks)
        self.engine.wait()

    def state(self) -> dict[str, Any]:
        """All that decides how the training goes on."""
        model = self.own.state_dict()
        scaler = self.engine.scaler
        return {
            "model": {key: value for key, value in model.items() if isinstance(value, Tensor)},
            "extra": {key: value for key, value in model.items() if not isinstance(value, Tensor)},
            "settings": dict(self.plan.settings),
            "position": asdict(self.at),
            "phase": self.phases.state_dict(),
            "parameters": parameter_names(self.own, self.raw),
            "optimizer": self.raw.state_dict(),
            "clipper": self.clipper.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,
            "random": self.engine.gathered(random_state()),
            "stopping": self.stopping.state_dict(),
            "divergence": self._divergence.state_dict(),
            "losses": to_float64(self.losses),
            "validations": self.validations,
            "rewinds": self.rewinds,
            "lr_scale": self.lr_scale,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from `state`.

        Raises:
            CheckpointError: It is of another model, optimizer or data, or of no form that `state` gives.
        """
        try:
            check_settings_fit(self.plan.settings, state["settings"])
            self.phases.load_state_dict(state.get("phase", FIRST_PHASE))
            check_fits(self, state)
            self._load(state)
        except CheckpointError:
            raise
        except (RuntimeError, ValueError, ClippingError) as error:
            pass_on(error)
            said = " ".join(str(error).split())
            raise CheckpointError(f"The checkpoint is of another model or optimizer: {said}") from error
        except Exception as error:  # whatever a state of another form makes torch or a clipper stumble over
            pass_on(error)
            raise CheckpointError(
                f"The checkpoint holds no state of fit ({type(error).__name__}: {error}): "
                "go on from another, or begin anew in another folder."
            ) from error

    def _load(self, state: dict[str, Any]) -> None:
        self.own.load_state_dict({**state["model"], **state["extra"]})
        self.raw.load_state_dict(state["optimizer"])
        self.clipper.load_state_dict(state["clipper"])
        if self.engine.scaler is not None and state["scaler"] is not None:
            self.engine.scaler.load_state_dict(state["scaler"])
        self.at = Position(**state["position"])
        self.stopping.load_state_dict(state["stopping"])
        self._divergence.load_state_dict(state["divergence"])
        self.losses = state["losses"].tolist()
        self.validations = [dict(found) for found in state["validations"]]
        self.rewinds = [(int(a), int(b), float(c)) for a, b, c in state["rewinds"]]
        self._waiting = []
        self._scale_rates(state["lr_scale"])
        if len(state["random"]) == self.engine.processes:
            set_random_state(state["random"][self.engine.rank])

    def _scale_rates(self, scale: float) -> None:
        self.lr_scale = scale
        self.phases.scale_rates(scale, self.at.step)

    def _rewound(self, reason: str) -> bool:
        """Go back to the last good checkpoint at half the rate; False where that is not wanted or no use."""
        if self.plan.on_divergence != "rewind":
            return False
        if len(self.rewinds) >= MOST_REWINDS:
            return False
        left, rewinds, scale = self.at.step, self.rewinds, self.lr_scale / 2
        self.engine.wait()
        folder = self.plan.folder
        state = read_checkpoint(folder, "good") if folder is not None else copied(self._good)
        self.load(state)
        self._overflows = 0
        self._scale_rates(scale)
        self.rewinds = [*rewinds, (left, self.at.step, scale)]
        self.log(rewind_to_step=float(self.at.step), rewind_lr_factor=scale)
        if self.engine.main:
            self.progress.say(
                f"diverged at step {left} ({reason}): back to step {self.at.step} "
                f"at {scale:g} times the learning rate"
            )
        return True

    def _restore_best(self) -> None:
        folder = self.plan.folder
        if folder is not None and "best" in read_index(folder):
            self.remember_best(read_checkpoint(folder, "best"))
        if self._best is not None:
            self.own.load_state_dict(self._best)
        elif self.stopping.best_step is not None:
            self.progress.say(
                f"the weights of the best validation, at step {self.stopping.best_step}, were not kept: "
                "the last ones stay"
            )

    def remember_best(self, state: dict[str, Any]) -> None:
        """Take the weights of a checkpoint for those of the best validation so far."""
        self._best = {**state["model"], **state["extra"]}
