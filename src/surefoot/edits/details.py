"""What a finding's evidence tells an edit beside the line."""

from __future__ import annotations

from typing import Any

from surefoot.records import Finding

# Finding -> {name of the detail: name of the evidence}.
_FROM_EVIDENCE: dict[str, dict[str, str]] = {
    "padding-in-loss": {"token": "token"},
    "broadcast-loss": {"shape": "shape", "against": "against"},
    "output-activation": {"activation": "activation"},
    "nll-without-log-softmax": {"range": "range of the inputs"},
    "kl-without-log": {"range": "range of the inputs"},
}


def details(finding: Finding) -> dict[str, Any]:
    """What an edit for this finding needs to know, as far as its evidence tells.

    Args:
        finding: As a rule gives it.

    Example:
        >>> details(Finding("padding-in-loss", "warning", "", "", evidence={"token": 3, "share": 0.5}))
        {'token': 3}
    """
    wanted = _FROM_EVIDENCE.get(finding.code, {})
    return {name: finding.evidence[key] for name, key in wanted.items() if key in finding.evidence}
