"""What loop styles are made of: imports, examples, models, the parts of a step, the held-out examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forge.program import Program, filled, indented

IMPORTS = """\
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset"""


class Unsayable(Exception):
    """The style has no place for what the program asks."""


@dataclass(frozen=True)
class Idioms:
    """What a style says for each part of a step."""

    fresh: str = "$optimizer = $made_optimizer"
    clear: str = "$optimizer.zero_grad()"
    forward: str = "$forward"
    loss: str = "$loss_lines"
    backward: str = "loss.backward()"
    clip: str = "torch.nn.utils.clip_grad_norm_($clipped, $clip)"
    step: str = "$optimizer.step()"
    schedule: str = "$scheduler.step()"

    def said(self, program: Program) -> list[str]:
        """The parts of one step, in the program's order."""
        return [self.part(part, program) for part in order_of(program)]

    def part(self, name: str, program: Program) -> str:
        """One part, the program's own lines put in."""
        return filled(getattr(self, name), {"forward": program.forward, "loss_lines": program.loss})


def order_of(program: Program) -> list[str]:
    """What a step does, without what there is none of."""
    missing = {"clip"} if program.clip is None else set()
    missing |= set() if program.schedule else {"schedule"}
    return [part for part in program.order if part not in missing]


NAMES = {
    "model": "model",
    "optimizer": "optimizer",
    "scheduler": "scheduler",
    "loader": "loader",
    "inputs": "inputs",
    "targets": "targets",
    "parameters": "$optimized",
    "clipped": "$model.parameters()",
    "steps": "$epochs * len($loader)",
    "built_model": "Net()",
}


def names(program: Program, **own: object) -> dict[str, object]:
    """What each `$name` stands for; a style's own names come last."""
    said = {
        "batch": program.batch,
        "epochs": program.epochs,
        "rate": repr(program.rate),
        "clip": repr(program.clip),
        "seed": program.seed,
        "optimized": program.optimized,
        "made_optimizer": program.optimizer,
    }
    return {**NAMES, **said, **own}


def opening(program: Program, imports: str = "") -> list[str]:
    """Imports, seed, examples and the model's class."""
    return [
        "\n".join(filter(None, (IMPORTS, imports))),
        "",
        "torch.manual_seed($seed)",
        program.data,
        *filter(None, [program.scaling]),
        "",
        "",
        program.model,
        "",
        "",
    ]


def making(program: Program) -> list[str]:
    """Loader, model, optimizer and scheduler, as statements."""
    return [
        f"$loader = {program.loader}",
        "$model = $built_model",
        *filter(None, [program.built]),
        f"$optimizer = {program.optimizer}",
        *([f"$scheduler = {program.schedule}"] if program.schedule else []),
        *filter(None, [program.before]),
    ]


def judging(program: Program, restored: str = "") -> list[str]:
    """The held-out examples: mode, what the model must be given back, forward, loss and score."""
    return [
        program.evaluating,
        *filter(None, [restored]),
        "with torch.no_grad():",
        indented(f"{program.forward}\n{program.loss}\n{program.score}"),
    ]


HELD_OUT = {"inputs": "x_test", "targets": "y_test"}
SAID = 'print(f"epoch {epoch} loss {loss.item():.4f} score {score:.4f}")'


def assembled(lines: list[str], known: Mapping[str, object]) -> str:
    """The script."""
    return filled("\n".join(lines), known) + "\n"


def epochs_of(
    program: Program, step: list[str], known: Mapping[str, object], restored: str = ""
) -> list[str]:
    """The loop over epochs, each with a validation."""
    judged = filled("\n".join(judging(program, restored)), HELD_OUT)
    inner = [*filter(None, [program.each_epoch, program.training])]
    return [
        "for epoch in range($epochs):",
        *(indented(filled(line, known)) for line in inner),
        indented("for $inputs, $targets in $loader:"),
        *(indented(filled(line, known), 2) for line in step),
        indented(judged),
        indented(SAID),
    ]
