"""One step clipped with numbers in host memory: the path of gradients on the CPU."""

from __future__ import annotations

from math import hypot, inf, isnan

import torch
from torch import Tensor

from surefoot.clipping.names import describe_parameters
from surefoot.clipping.policy import Policy
from surefoot.clipping.result import ClipResult
from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import NonfiniteGradient

# Outside of these the squares inside a float32 norm lose digits or overflow: measure again in float64.
_SMALLEST, _LARGEST = 1e-12, 1e18


def clip_on_host(step: Step, policy: Policy) -> ClipResult:
    """Measure the gradients, see to those that are not finite, and clip the rest."""
    norms = policy.measure(step, torch.float32)
    # tolist and numpy read host memory as it is; item would dispatch a synchronising operation.
    values: list[float] = norms.tolist()
    norm = hypot(*values)
    if not _SMALLEST < norm < _LARGEST and not isnan(norm):
        norms = policy.measure(step, torch.float64)
        values = norms.tolist()
        norm = hypot(*values)
    if step.found_inf is not None and step.found_inf.cpu().numpy() > 0:
        # GradScaler's overflow: it lowers its scale. Nothing to learn from, nothing to complain of.
        if step.gate is not None:
            step.gate.leave_out()
        return ClipResult(step.parameters, norms, (norm, policy.threshold_now(), 1.0), skipped=True)
    if step.scale is not None:
        scale = float(step.scale.cpu().numpy())
        values = [value / scale for value in values]
        norm /= scale
    if not norm < inf:
        return _not_finite(step, policy, norms, values, norm)
    if step.record:
        policy.skips.reset()
        if policy.spikes is not None and policy.spikes.strikes(norm):
            _leave_out(step)
            numbers = (norm, policy.threshold_now(), 1.0)
            return ClipResult(step.parameters, norms, numbers, skipped=True, scale=step.scale)
    threshold, factor = policy.clip_on_host(step, values, norm)
    return ClipResult(step.parameters, norms, (norm, threshold, factor), scale=step.scale)


def _not_finite(step: Step, policy: Policy, norms: Tensor, values: list[float], norm: float) -> ClipResult:
    if policy.nonfinite == "zero":
        with torch.no_grad():
            for part in dense_parts(step.gradients):
                part.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        step.record = False
        return clip_on_host(step, policy)
    skipped = False
    if policy.nonfinite != "propagate":
        skips = policy.skips.add()
        if policy.nonfinite == "raise" or skips > policy.allowed:
            raise NonfiniteGradient(complaint(step, policy, values, skips))
        _leave_out(step)
        skipped = True
    return ClipResult(step.parameters, norms, (norm, policy.threshold_now(), 1.0), skipped=skipped)


def _leave_out(step: Step) -> None:
    if step.gate is not None:
        step.gate.leave_out()
    else:
        with torch.no_grad():
            torch._foreach_zero_(dense_parts(step.gradients))


def complaint(step: Step, policy: Policy, values: list[float], skips: int) -> str:
    """One sentence about gradients that are not finite, with the names of the parameters."""
    bad = [p for p, value in zip(step.parameters, values, strict=True) if not value < inf]
    gate = step.gate
    names = describe_parameters(bad, gate.optimizer if gate else None, gate.names if gate else {})
    if policy.nonfinite == "raise":
        return (
            f"the gradient of {names} is NaN or infinite: look at the loss of this batch, "
            "or clip with nonfinite='skip' to leave such steps out"
        )
    return (
        f"{skips} steps in a row were left out because the gradient of {names} was NaN or infinite: the "
        "training stands still; lower the learning rate or go back to an earlier checkpoint"
    )
