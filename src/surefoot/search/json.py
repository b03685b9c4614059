"""A sweep as JSON values. No torch."""

from __future__ import annotations

from typing import Any

from surefoot.report.json import plain
from surefoot.search.records import Configuration, Sweep
from surefoot.search.targets import steps_to_target, target_loss


def summary(sweep: Sweep) -> dict[str, Any]:
    """All of it; what is not finite is spelled out."""
    judged, target = sweep.verdict, target_loss(sweep)
    made = {
        "script": sweep.script,
        "arguments": list(sweep.arguments),
        "objective": sweep.objective,
        "seeds": sweep.seeds,
        "said": judged.said,
        "best": sweep.best,
        "runner_up": None if judged.runner_up is None else dict(judged.runner_up.setting.values),
        "difference": judged.difference,
        "doubt": judged.doubt,
        "beyond_the_seeds": judged.beyond,
        "seeds_needed": judged.seeds_needed,
        "remarks": list(sweep.remarks),
        "target": target,
        "axes": {axis.name: axis.values or (axis.low, axis.high) for axis in sweep.axes},
        "configurations": [_configuration(each, target) for each in sweep.configurations],
        "stopped": sweep.stopped,
        "folder": None if sweep.path is None else str(sweep.path),
        "command": sweep.command,
    }
    found: dict[str, Any] = plain(made)
    return found


def _configuration(each: Configuration, target: float | None) -> dict[str, Any]:
    return {
        "setting": dict(each.setting.values),
        "status": each.status,
        "mean": each.mean,
        "deviation": each.deviation,
        "steps_to_target": None if target is None else steps_to_target(each, target),
        "losses": {str(seed): loss for seed, loss in each.losses.items()},
        "members": {
            str(seed): {"status": r.status, "steps": r.steps, "seconds": r.seconds, "why": r.why}
            for seed, r in each.results.items()
        },
    }
