"""Runs an unchanged script with one peer attached as its own pages advise, inside that peer's environment.

    python benchmarks/peer_doors.py PEER SCRIPT RESULT [--steps N]

Each peer is handed what its user would hand it by changing the script: the model and its optimizer before the first
training step, the loss of each step, and the validation loss where the peer takes one. A script ends after N steps of
its optimizers (backward passes if none steps). RESULT gets what the peer said as JSON.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import runpy
import statistics
import sys
import traceback
import weakref
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook

LOSSES = (
    "cross_entropy",
    "nll_loss",
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
)


class Door(Protocol):
    """One peer at one model."""

    def optimizer_is(self, optimizer: Any) -> None: ...
    def before_forward(self, loop: Loop) -> None: ...
    def after_backward(self, loop: Loop) -> None: ...
    def before_step(self, loop: Loop) -> None: ...
    def after_step(self, loop: Loop) -> None: ...
    def messages(self) -> list[dict[str, str]]: ...


class GradSnitch:
    """`mon = watch(model, optimizer, check_every=50)`, `mon.log(step, loss, val_loss)` while the gradients live."""

    def __init__(self, model: nn.Module | None, optimizer: Any) -> None:
        import gradsnitch

        self.monitor = gradsnitch.watch(model, optimizer, check_every=50)
        self.logged = False

    def optimizer_is(self, optimizer: Any) -> None:
        self.monitor.optimizer = optimizer

    def before_forward(self, loop: Loop) -> None: ...

    def after_backward(self, loop: Loop) -> None:
        if loop.steps == 0:  # a loop that may never step is logged where it goes backward
            self._log(loop)
            self.logged = True

    def before_step(self, loop: Loop) -> None:
        if not self.logged and loop.losses:
            self._log(loop)
        self.logged = False

    def after_step(self, loop: Loop) -> None: ...

    def _log(self, loop: Loop) -> None:
        self.monitor.log(len(self.monitor.rows), loop.loss, val_loss=loop.take_validation())

    def messages(self) -> list[dict[str, str]]:
        severities = {"error": "error", "warning": "warning"}
        said = []
        for finding in self.monitor.report():
            kind = finding.code
            if kind == "GS008":
                kind += " too high" if "too high" in finding.name else " too low"
            said.append({"kind": kind, "severity": severities[finding.severity], "text": finding.name})
        return said


class TorchMortem:
    """`with Autopsy(model, optimizer=optimizer)` at its default sampling, `autopsy.step(loss=…)` after each step."""

    def __init__(self, model: nn.Module | None, optimizer: Any) -> None:
        from torchmortem import Autopsy

        self.autopsy = Autopsy(model, optimizer=optimizer)
        self.autopsy.attach()
        self.went_backward = False

    def optimizer_is(self, optimizer: Any) -> None: ...

    def before_forward(self, loop: Loop) -> None:
        if loop.steps == 0 and self.went_backward:  # a loop that never steps: at the end of its turn
            self.after_step(loop)

    def after_backward(self, loop: Loop) -> None:
        self.went_backward = True

    def before_step(self, loop: Loop) -> None: ...

    def after_step(self, loop: Loop) -> None:
        self.went_backward = False
        self.autopsy.step(loss=loop.loss)

    def messages(self) -> list[dict[str, str]]:
        severities = {"CRITICAL": "error", "WARNING": "warning", "INFO": "information"}
        self.autopsy.detach()
        return [
            {"kind": f.title.split(" in ")[0], "severity": severities[f.severity.name], "text": f.title}
            for f in self.autopsy.get_report().findings
        ]


class Gone:
    """Stands for a loss whose backward has been."""

    def backward(self) -> None: ...


class TorchAudit:
    """`autopatch(model, optimizer=optimizer, every_n_steps=1)` with static and init checks, and `auditor.backward`."""

    def __init__(self, model: nn.Module | None, optimizer: Any) -> None:
        from torch_audit import autopatch

        assert model is not None
        self.model = model
        self.auditor = autopatch(model, optimizer=optimizer, every_n_steps=1)

    def optimizer_is(self, optimizer: Any) -> None:
        self.auditor.unpatch(detach=False)
        self.auditor.optimizer = optimizer
        self.auditor.autopatch(run_static=False, run_init=False)

    def before_forward(self, loop: Loop) -> None: ...

    def after_backward(self, loop: Loop) -> None:
        # With several models only those that this loss reached: a user would wrap its own loss for each.
        if len(loop.doors) == 1 or any(p.grad is not None for p in self.model.parameters()):
            self.auditor.backward(Gone())

    def before_step(self, loop: Loop) -> None: ...

    def after_step(self, loop: Loop) -> None: ...

    def messages(self) -> list[dict[str, str]]:
        severities = {"FATAL": "error", "ERROR": "error", "WARN": "warning", "INFO": "information"}
        return [
            {"kind": f.rule_id, "severity": severities[f.severity.value], "text": f.message}
            for f in self.auditor.finish().findings
        ]


DOORS: dict[str, Any] = {"gradsnitch": GradSnitch, "torchmortem": TorchMortem, "torch-audit": TorchAudit}


class Loop:
    """What a script does, as far as its user would tell a peer."""

    def __init__(self, peer: str, limit: int) -> None:
        self.peer = peer
        self.limit = limit
        self.doors: list[tuple[nn.Module | None, Door]] = []
        self.given: dict[int, Any] = {}  # the optimizer that each door was given last
        self.optimizers: list[weakref.ref[Any]] = []
        self.losses: list[float] = []
        self.validation: list[float] = []
        self.scaled: tuple[Any, Any] = (None, None)
        self.stepped = False
        self.steps = self.backwards = self.depth = 0
        self.faults: list[str] = []

    @property
    def loss(self) -> float:
        """The loss of the present step: the mean over its micro-steps."""
        return statistics.fmean(self.losses)

    def take_validation(self) -> float | None:
        """The mean loss of the evaluation since the last call, or None."""
        value = statistics.fmean(self.validation) if self.validation else None
        self.validation.clear()
        return value

    def attach(self) -> None:
        """Put the patches in place; they live as long as the process, which runs one script."""
        self._wrap(
            torch.optim.Optimizer, "__init__", after=lambda o, *a: self.optimizers.append(weakref.ref(o))
        )
        self._wrap(torch.Tensor, "backward", after=self._backward)
        self._wrap(torch.amp.GradScaler, "scale", after=self._scale)
        for name in LOSSES:
            self._wrap(nn.functional, name, after=self._loss_function)
        register_optimizer_step_pre_hook(lambda optimizer, *_: self._step(optimizer, "before_step"))
        register_optimizer_step_post_hook(lambda optimizer, *_: self._stepped(optimizer))
        original = nn.Module.__call__

        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if self.depth == 0 and torch.is_grad_enabled():
                self._forward(module)
            self.depth += 1
            try:
                return original(module, *args, **kwargs)
            finally:
                self.depth -= 1

        nn.Module.__call__ = call

    def _wrap(self, owner: Any, name: str, after: Any) -> None:
        original = getattr(owner, name)

        @functools.wraps(original)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            after(*args[:1], result, *args[1:2])
            return result

        setattr(owner, name, wrapped)

    def _scale(self, scaler: Any, scaled: Any, *outputs: Any) -> None:
        if outputs and isinstance(scaled, torch.Tensor):
            self.scaled = (scaled, outputs[0])

    def _loss_function(self, *called: Any) -> None:
        value = next((v for v in called[1:2] if isinstance(v, torch.Tensor)), None)
        if value is not None and not torch.is_grad_enabled():
            self.validation.append(float(value.detach().float().mean()))

    def _forward(self, module: nn.Module) -> None:
        if not (self._live() or self.backwards):
            return  # a look at shapes, before there is anything to train with
        for model, door in self.doors:
            if model is module:
                self._hand_optimizer(module, door)
                self._try(door.before_forward, self)
                return
        mine = {id(p) for p in module.parameters()}
        held = {id(p) for o in self._live() for group in o.param_groups for p in group["params"]}
        watched = {id(p) for model, _ in self.doors if model is not None for p in model.parameters()}
        wanted = any(p.requires_grad for p in module.parameters()) or mine & held
        if mine and wanted and not mine <= watched:
            self._open(module)

    def _open(self, module: nn.Module | None) -> None:
        optimizer = self._optimizer_of(module)
        try:
            door = DOORS[self.peer](module, optimizer)
        except Exception as fault:
            self.faults.append(f"{type(fault).__name__}: {fault}")
            return
        self.doors.append((module, door))
        self.given[id(door)] = optimizer

    def _hand_optimizer(self, module: nn.Module, door: Door) -> None:
        optimizer = self._optimizer_of(module)
        if optimizer is not None and optimizer is not self.given[id(door)]:
            self.given[id(door)] = optimizer
            self._try(door.optimizer_is, optimizer)

    def _live(self) -> list[Any]:
        return [o for o in (ref() for ref in self.optimizers) if o is not None]

    def _optimizer_of(self, module: nn.Module | None) -> Any:
        """The newest optimizer that holds a parameter of the model, else the newest."""
        live = self._live()
        mine = {id(p) for p in module.parameters()} if module is not None else set()
        holders = [o for o in live if mine & {id(p) for g in o.param_groups for p in g["params"]}]
        return (holders or live or [None])[-1]

    def _backward(self, root: torch.Tensor, *_: Any) -> None:
        self.backwards += 1
        if self.stepped:
            self.losses.clear()
            self.stepped = False
        meant = self.scaled[1] if root is self.scaled[0] else root
        self.losses.append(float(meant.detach().float().mean()))
        if not self.doors and self.peer == "gradsnitch":  # it takes losses without a model
            self._open(None)
        for _model, door in self.doors:
            self._try(door.after_backward, self)
        if self.steps == 0 and self.limit and self.backwards > self.limit:  # no step followed the last one
            raise SystemExit(0)

    def _step(self, optimizer: Any, moment: str) -> None:
        if self.losses:
            for _model, door in self.doors:
                if self.given[id(door)] is optimizer:
                    self._try(getattr(door, moment), self)

    def _stepped(self, optimizer: Any) -> None:
        self.steps += 1
        self.stepped = True
        self._step(optimizer, "after_step")
        if self.limit and self.steps >= self.limit:
            raise SystemExit(0)

    def _try(self, told: Any, *arguments: Any) -> None:
        try:
            told(*arguments)
        except Exception as fault:  # the peer's own fault
            text = f"{type(fault).__name__}: {fault}"
            if text not in self.faults:
                self.faults.append(text)

    def messages(self) -> list[dict[str, str]]:
        """What all doors said, each kind at each severity once, in the peer's own order."""
        said: dict[tuple[str, str], dict[str, str]] = {}
        for _model, door in self.doors:
            try:
                for message in door.messages():
                    said.setdefault((message["kind"], message["severity"]), message)
            except Exception as fault:
                self.faults.append(f"{type(fault).__name__}: {fault}")
        return list(said.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", choices=DOORS)
    parser.add_argument("script", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--steps", type=int, default=200, help="0: to the script's own end")
    arguments = parser.parse_args()
    script, result = arguments.script.resolve(), arguments.result.resolve()
    loop = Loop(arguments.peer, arguments.steps)
    loop.attach()
    sys.argv = [str(script)]
    sys.path[0] = str(script.parent)
    error, frames = None, ""
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit:
        pass
    except BaseException as raised:
        error, frames = f"{type(raised).__name__}: {raised}", traceback.format_exc()[-4000:]
    result.write_text(
        json.dumps(
            {
                "messages": loop.messages(),
                "faults": loop.faults,
                "doors": len(loop.doors),
                "steps": loop.steps or loop.backwards,
                "error": error,
                "traceback": frames,
            }
        )
    )
    sys.stdout.flush()
    os._exit(0)  # what a peer would write or say at exit is of no interest


if __name__ == "__main__":
    main()
