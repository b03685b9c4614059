"""What became of one member: kept beside its run, so that a sweep that was killed goes on. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from surefoot.comparison.judging import lasted, mean_until, several_losses
from surefoot.records import History, Series
from surefoot.search.settings import Member, setting_of
from surefoot.store.buckets import thin

Curve = tuple[tuple[int, float], ...]

_POINTS = 200  # of a curve: a picture is not wider


@dataclass(frozen=True, slots=True)
class Result:
    """What one member came to.

    Args:
        status: "finished", "stopped" (hopeless), "failed" (its script raised), "refused" (its setting can't be) or
            "crashed" (its process died).
        steps: That it took.
        seconds: From its first step to its last.
        validation: Its last validation loss; None: none was found or logged.
        training: Its training loss at the end, a mean; None: none was seen.
        validation_curve: Steps and losses.
        training_curve: Steps and smoothed losses.
        why: It failed, was refused or was stopped.
        whole: What was refused holds for the whole script, whatever the setting.
        opposed: Its optimizers follow losses of their own.
        optimizer: Class of the script's.
    """

    status: str
    steps: int = 0
    seconds: float = 0.0
    validation: float | None = None
    training: float | None = None
    validation_curve: Curve = ()
    training_curve: Curve = ()
    why: str = ""
    whole: bool = False
    opposed: bool = False
    optimizer: str = ""

    @property
    def over(self) -> bool:
        """Whether it need not run again."""
        return self.status != "crashed"

    @property
    def trained(self) -> bool:
        """Whether its losses count."""
        return self.status in ("finished", "stopped")

    def loss(self, objective: str) -> float:
        """Its loss at the end, infinite where it came to none that is finite.

        Args:
            objective: "validation loss" or "training loss".
        """
        found = self.validation if objective == "validation loss" else self.training
        return found if found is not None and math.isfinite(found) else math.inf

    def curve(self, objective: str) -> Curve:
        """Its loss over its steps."""
        return self.validation_curve if objective == "validation loss" else self.training_curve


def result_of(history: History, status: str, why: str = "") -> Result:
    """What a recorded run came to."""
    loss, validation = history.series("loss"), history.metric("val_loss")
    reading = mean_until(loss, int(loss.steps[-1])) if len(loss) else None
    main = next((o for o in history.optimizers if o.index == history.main), None)
    return Result(
        status,
        history.run.steps or (int(loss.steps[-1]) if len(loss) else 0),
        lasted(history) or 0.0,
        float(validation.values[-1]) if len(validation) else None,
        None if reading is None else reading.value,
        curve_of(validation),
        curve_of(smoothed(loss)),
        why,
        opposed=several_losses(history),
        optimizer=main.name if main is not None else "",
    )


def smoothed(loss: Series) -> Series:
    """A training loss as its running mean."""
    means = [mean_until(loss, int(step)) for step in thin(loss, _POINTS).steps] if len(loss) else []
    known = [mean for mean in means if mean is not None]
    return Series.of([mean.value for mean in known], [mean.step for mean in known])


def curve_of(series: Series) -> Curve:
    """A series as it is kept: thinned to what a picture shows."""
    kept = thin(series, _POINTS)
    return tuple(
        (int(step), float(f"{value:.6g}")) for step, value in zip(kept.steps, kept.values, strict=True)
    )


def write(result: Result, path: Path, values: Mapping[str, Any], seed: int) -> None:
    """Keep it with what was set: whole, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(
        json.dumps({"values": dict(values), "seed": seed, "result": asdict(result)}), encoding="utf-8"
    )
    part.replace(path)


def read(path: Path) -> tuple[Member, Result] | None:
    """One that was kept; None where there is none, or none that can be read."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return Member(setting_of(kept["values"]), int(kept["seed"])), from_json(kept["result"])
    except (OSError, ValueError, TypeError, KeyError):
        return None


def from_json(data: Mapping[str, Any]) -> Result:
    """From what `json` makes of it."""
    made = Result(**data)
    curves = {
        name: tuple((int(step), float(value)) for step, value in getattr(made, name))
        for name in ("validation_curve", "training_curve")
    }
    return replace(made, **curves)  # type: ignore[arg-type]
