"""One step clipped on the device: no number comes to the host, so nothing waits.

Both outcomes are computed and selected there. What only the host can do (raising an error) happens at a
later step, when the flag has arrived by itself; until then the steps concerned are left out on the device.
"""

from __future__ import annotations

import torch
from torch import Tensor

from surefoot.clipping.host_step import complaint
from surefoot.clipping.policy import Policy
from surefoot.clipping.result import ClipResult
from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import NonfiniteGradient


def clip_on_device(step: Step, policy: Policy, last: ClipResult | None) -> ClipResult:
    """Measure the gradients, see to those that are not finite, and clip the rest.

    Args:
        step: The step.
        policy: What the clipper wants.
        last: What it did before, which a complaint that comes late is about.
    """
    _raise_what_arrived(step, policy, last)
    norms, norm = _measured(step, policy)
    finite = norm < torch.inf  # false for NaN; one launch where isfinite takes four
    if step.found_inf is not None:
        overflow = step.found_inf.to(norm.device) != 0
        finite = finite & ~overflow
    else:
        overflow = None
    usable = finite
    if policy.nonfinite == "zero":
        with torch.no_grad():
            for part in dense_parts(step.gradients):
                part.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        norms, norm = _measured(step, policy)
        usable = norm < torch.inf
    spike = None
    if policy.spikes is not None and step.record:
        spike = policy.spikes.strikes_on_device(norm, finite)
    skipped: bool | Tensor = False
    if policy.nonfinite in ("skip", "raise") or overflow is not None:
        bad = ~finite if policy.nonfinite in ("skip", "raise") else overflow
        assert bad is not None
        policy.skips.add_on_device(bad, overflow)
        skipped = _leave_out_if(step, bad if spike is None else bad | spike)
    elif spike is not None:
        skipped = _leave_out_if(step, spike)
    if skipped is True:
        nothing = torch.full_like(norm, float("nan"))
        return ClipResult(step.parameters, norms, None, (norm, nothing, torch.ones_like(norm)), skipped=True)
    record = finite if step.record else torch.zeros_like(finite)
    if spike is not None:
        record, usable = record & ~spike, usable & ~spike
    threshold, factor = policy.clip_on_device(step, norms, norm, record, usable)
    return ClipResult(step.parameters, norms, None, (norm, threshold, factor), skipped)


def _measured(step: Step, policy: Policy) -> tuple[Tensor, Tensor]:
    """Norm of each gradient and of all, without GradScaler's scale; float64 where the device has it."""
    device = step.gradients[0].device.type
    # Squares summed in float64 neither vanish nor overflow, so no second measurement has to be decided on.
    norms = policy.measure(step, torch.float32 if device == "mps" else torch.float64)
    if step.scale is not None:
        norms = norms / step.scale.to(norms.device)
    return norms, torch.linalg.vector_norm(norms)


def _leave_out_if(step: Step, bad: Tensor) -> bool | Tensor:
    if step.gate is not None:
        decided = step.gate.leave_out_if(bad, step)
        return bad if decided is None else decided
    with torch.no_grad():
        for part in dense_parts(step.gradients):
            part.masked_fill_(bad, 0.0)
    return bad


def _raise_what_arrived(step: Step, policy: Policy, last: ClipResult | None) -> None:
    """Raise if the count of skips that has meanwhile arrived on the host is too high."""
    skips = policy.skips.arrived()
    if skips > (0 if policy.nonfinite == "raise" else policy.allowed):
        if policy.nonfinite == "raise":
            policy.skips.forget_device()
        assert last is not None
        about = Step(list(last.parameters), [], step.gate)
        raise NonfiniteGradient(complaint(about, policy, last.norms.cpu().tolist(), skips))
