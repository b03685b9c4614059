"""Why a finding's fix can't be tried from outside of the script."""

from __future__ import annotations

from surefoot.experiment.records import Untried
from surefoot.records import Finding

_MODEL = "it changes the model itself"
_DATA = "it changes the data, or how they are prepared"
_GRAPH = "the gradient's path is cut in the script's own code"
_REASONS = {
    "no-gradient": _GRAPH,
    "graph-retained": "the script holds on to its graphs itself",
    "graph-kept": "the script holds on to its graphs itself",
    "output-activation": _MODEL,
    "missing-nonlinearity": _MODEL,
    "vanishing-gradient": _MODEL,
    "single-logit-softmax": _MODEL,
    "softmax-wrong-dim": _MODEL,
    "batch-mixing": _MODEL,
    "saturated-units": _MODEL,
    "dead-units": _MODEL,
    "target-out-of-range": _DATA,
    "targets-misaligned": _DATA,
    "target-leak": _DATA,
    "constant-targets": _DATA,
    "nonfinite-input": _DATA,
    "preprocessing-mismatch": _DATA,
    "unshuffled-data": "its batches are made by the script's own code",
    "broadcast-loss": "its loss is written by hand",
    "overfitting": "it asks for more data, or for a smaller model",
    "ranks-diverged": "it concerns several processes",
    "scaler-overflow": "the scaler's own steps are the script's",
    "clip-ineffective": "the limit is not known",
}


def untried(finding: Finding) -> Untried:
    """The finding with why nothing was tried of it."""
    reason = _REASONS.get(finding.code, "no fix of it can be applied from outside")
    return Untried(finding.code, reason, finding.fix)
