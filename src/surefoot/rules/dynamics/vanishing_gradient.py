"""The rule `vanishing-gradient`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from surefoot.facts import Model
from surefoot.records import History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import progress

_RECURRENT = frozenset({"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"})
_AGAIN = (" #3", " #4")  # as capture numbers what follows the same weight again


@rule(
    "vanishing-gradient",
    severity="warning",
    needs=("series:loss", "parameter:grad_norm"),
    since="0.1",
    follows=(
        *NO_LEARNING,
        "dead-units",
        "initial-loss-too-high",
        "lr-too-high",
        "saturated-units",
        "symmetric-initialization",
        "weight-decay-too-strong",
    ),
)
def vanishing_gradient(
    history: History, *, factor: float = 1e-3, learned: float = 0.1, layers: int = 3
) -> Iterator[Draft]:
    """Gradients vanish on their way to the first layers.

    ## What it finds
    Weights near the input whose gradients are a thousand times smaller than those near the output, through
    the whole run, in a training that does not get on. Not the first weight alone: the whole first half gets
    less the nearer it is to the input, unless the network is recurrent.

    ## Why it matters
    The first layers stay as they were initialised; what they pass on is noise, so the last ones have nothing
    to learn from.

    ## Evidence shown
    Median gradient norm of the first and the last weight and their ratio, the factor from layer to layer, the
    layers.

    ## What to try
    ReLU or another unbounded activation instead of sigmoid or tanh, the initialisation that fits it,
    normalisation layers, residual connections, fewer layers.

    ## When to ignore it
    If the loss falls all the same: more than a tenth of the way (option `learned`) is not reported. In 37
    healthy small trainings the ratio was at least 0.02; the option `factor` (1e-3) is a twentieth of that.
    The queries and keys of a fresh transformer get as little, for its attention is nearly even; the values
    beside them do not. Exactly zero gradients have other causes and are left to other rules. Networks of less
    than 3 weights (option `layers`) have no way to vanish on.

    ## Source
    Glorot and Bengio 2010; AUTOTRAINER (ICSE 2021) takes the same ratio of 1e-3 but asks for an absolute norm
    too.
    """
    seen, moved = progress(history), movement(history)
    if len(moved.columns) < layers or len(moved.steps) < 5 or not seen.stuck(learned):
        return
    profile = _per_entry(history, moved)
    known = np.flatnonzero(np.isfinite(profile))
    if len(known) < layers:
        return
    first, last = int(known[0]), int(known[-1])
    ratio = profile[first] / profile[last] if profile[last] > 0 else 1.0
    if not 0 < ratio < factor:
        return
    if not (_whole_half(profile[known] / profile[last], factor) or _recurrent(history)):
        return
    names = [history.parameters[int(c)].name for c in moved.columns]
    each = float(ratio ** (1 / (len(known) - 1)))
    norms = moved.profile
    yield Draft(
        title=(
            f"Gradients vanish towards the input: {names[first]} gets {ratio:.1g} of what {names[last]} gets."
        ),
        fix=(
            "Use ReLU-like activations with their initialisation, normalisation layers or residual "
            "connections."
        ),
        evidence={
            "gradient of the first weight": float(norms[first]),
            "gradient of the last weight": float(norms[last]),
            "ratio per entry": float(ratio),
            "factor from layer to layer": each,
            "weights": len(known),
            "loss at the start": seen.start,
            "loss at the end": seen.late,
        },
        where=names[first],
        confidence=0.9,
    )


def _whole_half(ratios: np.ndarray, factor: float) -> bool:
    """Whether the whole first half gets less the farther it is from the output, down to `factor` for the first."""
    left = np.linspace(1, 0, len(ratios))  # of the way from the first to the last
    half = len(ratios) // 2
    return bool(np.all(ratios[:half] < factor ** left[:half]))


def _recurrent(history: History) -> bool:
    """Whether the network is unrolled: its weights then get gradient from the last steps, what lies before them none.

    Seen by a module of PyTorch's, or by a nonlinearity that follows one weight at least three times; two towers that
    share weights do so twice.
    """
    classes = {kind for model in history.facts(Model) for _, kind in model.modules}
    return bool(classes & _RECURRENT) or any(info.name.endswith(_AGAIN) for info in history.activations)


def _per_entry(history: History, moved: Movement) -> np.ndarray:
    sizes = np.array([history.parameters[int(c)].numel for c in moved.columns], dtype=np.float64)
    return np.asarray(moved.profile / np.sqrt(sizes))
