"""The run that records a training, or the one that is under way already."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from torch import nn
from torch.optim import Optimizer

from surefoot.capture import Observation, watch
from surefoot.capture.observation import current
from surefoot.clipping import Clipper
from surefoot.records import Finding
from surefoot.report.text import verdict_text
from surefoot.training.result import Ended


class Observing:
    """A training under observation in one process, and the end of its clipper's work in all of them.

    Args:
        observe: Whether this process records; where a script is observed as a whole, its run is used.
        model: The user's own.
        optimizers: The torch optimizers, one a phase.
        clippers: Theirs; attached for the training, unless they were before, and detached at the end.
        name: The run's name.
        runs: Folder of all runs.
    """

    def __init__(
        self,
        observe: bool,
        model: nn.Module,
        optimizers: Sequence[Optimizer],
        clippers: Sequence[Clipper],
        name: str | None,
        runs: str | Path,
    ) -> None:
        # A clipper of the user's that is at work already stays so.
        self._to_detach = [clipper for clipper in clippers if clipper.optimizer is None]
        self._outer = current()
        self._run: Observation | None = None
        if observe and self._outer is None:
            self._run = watch(model, optimizers, clip=clippers, name=name, runs=runs)

    def log(self, **metrics: float) -> None:
        """Record numbers at the present step."""
        run = self._run or self._outer
        if run is not None:
            run.log(**metrics)

    @property
    def run(self) -> Path | None:
        """Folder of the run."""
        run = self._run or self._outer
        return run.path if run is not None else None

    def end(self, ended: Ended, reason: str, show: bool) -> tuple[Finding, ...]:
        """Close the run; returns its findings and, if `show`, prints the verdict."""
        self.take_back()
        if self._run is None:
            return ()
        diverged = ended == "diverged"
        self._run.close(
            "stopped" if diverged else "finished", 1 if diverged else 0, reason if diverged else None
        )
        findings = self._run.findings
        history = self._run.history() if show else None
        if history is not None:
            print(verdict_text(history, findings), file=sys.stderr)
        return findings

    def fail(self, error: BaseException) -> None:
        """Close the run of a training that raised."""
        self.take_back()
        if self._run is None:
            return
        if isinstance(error, KeyboardInterrupt):
            self._run.close("interrupted", None)
        else:
            self._run.close("failed", None, f"{type(error).__name__}: {error}")

    def take_back(self) -> None:
        """Detach the clippers that were attached for this training."""
        for clipper in self._to_detach:
            clipper.detach()
