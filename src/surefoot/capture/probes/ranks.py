"""Whether the processes of one training train one model, each on data of its own.

Each process notes the norms of its parameters and its loss at the same few steps, in a file of its own beside the
others'; the first one compares. No message passes between the processes: a collective of ours could block theirs.
"""

from __future__ import annotations

import json
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from surefoot.capture.deferred import Deferred
from surefoot.capture.events.probe import Probe
from surefoot.capture.events.records import Step
from surefoot.capture.parameters import Parameters
from surefoot.facts import Fact, Ranks
from surefoot.interrupts import pass_on
from surefoot.norms import per_parameter_norms

_MOST_PARAMETERS = 200
_SAME = 1e-5  # relative; copies that are kept together agree to the last bit on like devices
_LEAST_AGREEING = 3  # equal losses at so many steps are no accident
_NOTE = re.compile(r"[0-9]+\.json|\.[0-9]+\.[0-9]+")
_OLD = 86400.0  # seconds after which a folder was left by a training that is over


class RanksProbe(Probe):
    """Notes what should agree between processes, and compares it in the first of them.

    Args:
        deferred: Where device numbers wait for the next flush.
        parameters: Gives the parameters their names.
        folder: Where the processes of this machine leave their notes; None: by their common parent.
    """

    name = "ranks"

    def __init__(self, deferred: Deferred, parameters: Parameters, folder: Path | None = None) -> None:
        self._deferred = deferred
        self._parameters = parameters
        self._folder = folder
        self._rank = 0
        self._world = 1
        self._next = 2
        self._names: list[str] = []
        self._noted: dict[str, list[float]] = {}  # step -> norms, then the loss
        self._written = 0
        self._plain = True

    def step_ends(self, step: Step) -> None:
        """Note it, where several processes train; at each power of two."""
        number = step.number
        if number < self._next or number & (number - 1) or not self._plain:
            return
        loss = step.losses[-1] if step.losses else None
        if loss is not None:
            self._next = 2 * number
            self._note(number, step.loop.parameters, loss)

    def _note(self, step: int, parameters: Sequence[Tensor], loss: float | Tensor) -> None:
        dist = sys.modules.get("torch.distributed")
        if dist is None or not dist.is_available() or not dist.is_initialized():
            return
        self._rank, self._world = dist.get_rank(), dist.get_world_size()
        held = list(parameters[:_MOST_PARAMETERS])
        # Shards are other numbers in each process, on purpose.
        self._plain = all(type(p) in (Tensor, torch.nn.Parameter) for p in held)
        if self._world < 2 or not self._plain or not held:
            return
        self._names = [self._parameters.name_of(p) for p in held]
        norms = per_parameter_norms([p.detach() for p in held])
        value = torch.as_tensor(loss, dtype=norms.dtype, device=norms.device).detach().reshape(1)
        self._deferred.add(torch.cat([norms, value]), lambda numbers: self._receive(step, numbers))

    def _receive(self, step: int, numbers: list[float]) -> None:
        self._noted[str(step)] = numbers

    def facts(self) -> Iterator[Fact]:
        """What the first process finds by comparison."""
        if not self._noted:
            return
        folder = self._folder or _common_folder()
        if len(self._noted) > self._written:
            self._written = len(self._noted)
            _write(folder, self._rank, self._noted)
        if self._rank == 0:
            others = [noted for rank in range(1, self._world) if (noted := _read(folder, rank))]
            if others:
                yield Ranks(world_size=self._world, **compared(self._noted, others, self._names))


def compared(
    mine: dict[str, list[float]], others: Sequence[dict[str, list[float]]], names: Sequence[str]
) -> dict[str, Any]:
    """Whether parameters differ and batches agree between processes.

    Args:
        mine: The norm of each parameter, then the loss, by step.
        others: The same of the other processes.
        names: Of the parameters.

    Returns:
        `parameters_differ`, `batches_agree` (None: not enough steps in common, or of different
        losses, to tell), `parameter`, `at_step`.

    Example:
        >>> compared({"2": [1.0, 0.5]}, [{"2": [1.5, 0.4]}], ["weight"])["parameter"]
        'weight'
    """
    common = sorted((step for step in mine if all(step in other for other in others)), key=int)
    common = [s for s in common if all(len(other[s]) == len(mine[s]) for other in others)]
    differing = [(step, column) for step in common if (column := _first_difference(step, mine, others)) >= 0]
    # Once apart, copies stay apart: a single step can be one between two averagings.
    apart = bool(differing) and differing[-1][0] == common[-1]
    same_losses = [s for s in common if all(_close(other[s][-1], mine[s][-1]) for other in others)]
    # A loss that is one number whatever the batch (0 of a single class, NaN) tells no batch from another.
    telling = {mine[s][-1] for s in common if math.isfinite(mine[s][-1])}
    return {
        "parameters_differ": apart if common else None,
        "batches_agree": (
            None if apart or len(telling) < _LEAST_AGREEING else len(same_losses) == len(common)
        ),
        "parameter": names[differing[0][1]] if apart else None,
        "at_step": int(differing[0][0]) if apart else None,
    }


def _first_difference(
    step: str, mine: dict[str, list[float]], others: Sequence[dict[str, list[float]]]
) -> int:
    for column, number in enumerate(mine[step][:-1]):
        if not all(_close(other[step][column], number) for other in others):
            return column
    return -1


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_SAME) or (math.isnan(a) and math.isnan(b))


def _common_folder() -> Path:
    """A folder that the processes which one launcher started on this machine share."""
    label = f"{os.environ.get('TORCHELASTIC_RUN_ID', '')}-{os.environ.get('MASTER_PORT', '')}-{os.getppid()}"
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(tempfile.gettempdir()) / f"surefoot-ranks-{user}" / re.sub(r"[^\w.-]", "_", label)


def _write(folder: Path, rank: int, noted: dict[str, list[float]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(folder.parent)
        fresh = folder / f".{rank}.{os.getpid()}"
        fresh.write_text(json.dumps(noted))
        fresh.replace(folder / f"{rank}.json")
    except OSError as error:
        pass_on(error)  # else nowhere to leave it: the comparison is left out


def _read(folder: Path, rank: int) -> dict[str, list[float]]:
    try:
        found = json.loads((folder / f"{rank}.json").read_text())
    except (OSError, ValueError) as error:
        pass_on(error)
        return {}
    return found if isinstance(found, dict) else {}


def _sweep(parent: Path) -> None:
    """Remove what trainings of other days left; nothing but our own notes, and never through a link."""
    for folder in parent.iterdir():
        if folder.is_symlink() or not folder.is_dir() or time.time() - folder.stat().st_mtime <= _OLD:
            continue
        for file in folder.iterdir():
            if _NOTE.fullmatch(file.name) and not file.is_dir():
                file.unlink()
        try:
            folder.rmdir()
        except OSError as error:
            pass_on(error)  # else somebody else's files are in it
