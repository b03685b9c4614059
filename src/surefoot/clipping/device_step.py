"""One step clipped on the device: no number comes to the host, so nothing waits.

Both outcomes are computed and selected there. What only the host can do (raising an error) happens at a
later step, when the flag has arrived by itself; until then the steps concerned are left out on the device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from surefoot.clipping.host_step import complaint
from surefoot.clipping.result import ClipResult
from surefoot.clipping.skipping import LateNumber
from surefoot.clipping.step import Step, dense_parts
from surefoot.errors import NonfiniteGradient

if TYPE_CHECKING:
    from surefoot.clipping.base import Clipper


def clip_on_device(clipper: Clipper, step: Step) -> ClipResult:
    """Measure the gradients, see to those that are not finite, and let the clipper clip the rest."""
    _raise_what_arrived(clipper, step)
    norms, norm = _measured(clipper, step)
    finite = norm < torch.inf  # false for NaN; one launch where isfinite takes four
    if step.found_inf is not None:
        overflow = step.found_inf.to(norm.device) != 0
        finite = finite & ~overflow
    else:
        overflow = None
    usable = finite
    if clipper.nonfinite == "zero":
        with torch.no_grad():
            for part in dense_parts(step.gradients):
                part.nan_to_num_(nan=0.0, posinf=0.0, neginf=0.0)
        norms, norm = _measured(clipper, step)
        usable = norm < torch.inf
    skipped: bool | Tensor = False
    if clipper.nonfinite in ("skip", "raise") or overflow is not None:
        bad = ~finite if clipper.nonfinite in ("skip", "raise") else overflow
        assert bad is not None
        skipped = _leave_out_if(clipper, step, bad, overflow)
    if skipped is True:
        nothing = torch.full_like(norm, float("nan"))
        return ClipResult(step.parameters, norms, None, (norm, nothing, torch.ones_like(norm)), skipped=True)
    record = finite if step.record else torch.zeros_like(finite)
    threshold, factor = clipper._clip_on_device(step, norms, norm, record, usable)
    return ClipResult(step.parameters, norms, None, (norm, threshold, factor), skipped)


def _measured(clipper: Clipper, step: Step) -> tuple[Tensor, Tensor]:
    """Norm of each gradient and of all, without GradScaler's scale; float64 where the device has it."""
    device = step.gradients[0].device.type
    # Squares summed in float64 neither vanish nor overflow, so no second measurement has to be decided on.
    norms = clipper._measure(step, torch.float32 if device == "mps" else torch.float64)
    if step.scale is not None:
        norms = norms / step.scale.to(norms.device)
    return norms, torch.linalg.vector_norm(norms)


def _leave_out_if(clipper: Clipper, step: Step, bad: Tensor, overflow: Tensor | None) -> bool | Tensor:
    before = clipper._skips_on_device
    if before is None:
        before = torch.full((), clipper._skips, dtype=torch.int64, device=bad.device)
    added = 1 if overflow is None else ~overflow
    clipper._skips_on_device = (before + added) * bad
    if step.attachment is None:
        with torch.no_grad():
            for part in dense_parts(step.gradients):
                part.masked_fill_(bad, 0.0)
        skipped: bool | Tensor = bad
    else:
        decided = step.attachment.leave_out_if(bad, step)
        skipped = bad if decided is None else decided
    if clipper._late_skips is None:
        clipper._late_skips = LateNumber(clipper._skips_on_device)
    return skipped


def _raise_what_arrived(clipper: Clipper, step: Step) -> None:
    """Raise if the count of skips that has meanwhile arrived on the host is too high."""
    if clipper._late_skips is None:
        return
    skips = clipper._late_skips.read()
    if skips is None:
        return
    clipper._late_skips = None
    allowed = 0 if clipper.nonfinite == "raise" else clipper.max_consecutive_skips
    if skips > allowed:
        if clipper.nonfinite == "raise":
            clipper._skips_on_device = None
        last = clipper.last
        assert last is not None
        about = Step(list(last.parameters), [], step.attachment)
        raise NonfiniteGradient(complaint(clipper, about, last.norms.cpu().tolist(), int(skips)))
