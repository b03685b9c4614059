"""Clip the gradients where it counts: after backward, before the step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from surefoot.clipping import AutoClip, ClipByNorm
from surefoot.records import Finding, History
from surefoot.remedies.base import Proposal, Remedy
from surefoot.remedies.hooks import Hooks
from surefoot.report.numbers import number


class ClipAutomatically(Remedy):
    """AutoClip at the tenth percentile of the norms so far."""

    name = "autoclip"
    answers = (
        "exploding-gradient",
        "loss-spike",
        "nonfinite-gradient",
        "nonfinite-loss",
        "clipping-too-tight",
    )
    said = "AutoClip"

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Clip every optimizer's gradients."""
        hooks.clipper = lambda: AutoClip(10)


class ClipAtStep(Remedy):
    """The script's own limit, applied right before the step."""

    name = "clip-at-step"
    answers = ("clip-ineffective",)
    said = "clip between backward and step"

    def proposals(self, finding: Finding, history: History) -> Iterator[Proposal]:
        """With the limit that the script gives."""
        limit = finding.evidence.get("limit")
        if isinstance(limit, int | float) and limit > 0:
            said = f"clip to {number(limit)} between backward and step"
            yield self.proposal(finding, said, limit=float(limit))

    def apply(self, hooks: Hooks, **details: Any) -> None:
        """Clip by the norm."""
        hooks.clipper = lambda: ClipByNorm(details["limit"])

    seen = False  # the script's own call stays where it is
