"""What a process has to know to take part in an observed training."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

VARIABLE = "SUREFOOT_TRAINING"


@dataclass(frozen=True, slots=True)
class Invitation:
    """How the script is observed, for the processes that it starts.

    Args:
        key: What tells this training from any other.
        runs: Folder of all runs, absolute.
        base: Name of the training's folder, where it is not made yet.
        folder: The training's folder, if there is one.
        every: As for `surefoot run`; so are those that follow.
        thorough: More looks, as `surefoot check` takes.
        limit: Stop each process after this many steps.
        autoclip: Percentile.
        max_norm: Largest norm.
        ignore: Codes of findings.
    """

    key: str
    runs: str
    base: str
    folder: str | None = None
    every: int | None = None
    thorough: bool = False
    limit: int | None = None
    autoclip: float | None = None
    max_norm: float | None = None
    ignore: tuple[str, ...] = ()

    def text(self) -> str:
        """As the environment carries it."""
        return json.dumps(
            {name: value for name, value in asdict(self).items() if value not in (None, (), False)}
        )

    @property
    def make_clipper(self) -> Callable[[], Any] | None:
        """Gives each optimizer its clipper."""
        from surefoot.clipping.chosen import maker

        return maker(self.autoclip, self.max_norm)


def invited(text: str | None = None) -> Invitation | None:
    """The invitation that this process has; None where it has none, or one that it cannot read.

    Args:
        text: As `Invitation.text` gives it; by default what the environment holds.
    """
    try:
        found = json.loads(os.environ.get(VARIABLE, "") if text is None else text)
        return Invitation(**{**found, "ignore": tuple(found.get("ignore", ()))})
    except (ValueError, TypeError, AttributeError):
        return None
