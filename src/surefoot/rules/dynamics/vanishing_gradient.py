"""The rule `vanishing-gradient`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from surefoot.facts import Model
from surefoot.records import ActivationInfo, History
from surefoot.rules.base import Draft, rule
from surefoot.rules.causes import NO_LEARNING, SCALE, STEP_SIZE
from surefoot.rules.movement import Movement, movement
from surefoot.rules.progress import progress

# Units that pass nothing on.
UNITS = ("dead-units", "saturated-units")
FOLLOWS = (
    *NO_LEARNING,
    *UNITS,
    "initial-loss-too-high",
    "lr-too-high",
    "symmetric-initialization",
    "weight-decay-too-strong",
)
# Large steps drive gates and units into their flat parts: what came up after the first looks follows from these too.
LATER = (*SCALE, *STEP_SIZE)
FEW = 3
LOST = 0.5  # of a layer's units: their half of the gradient is no thousandth

_RECURRENT = frozenset({"RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"})
_AGAIN = (" #3", " #4")  # as capture numbers what follows the same weight again


@rule(
    "vanishing-gradient",
    severity="warning",
    needs=("series:loss", "parameter:grad_norm"),
    since="0.1",
    follows=FOLLOWS,
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
    It follows from dead or saturated layers where the others alone would not come to that, and from the steps
    where it was not so at the first looks. The queries and keys of a fresh transformer get as little, for its
    attention is nearly even; the values beside them do not. Exactly zero gradients have other causes and are
    left to other rules. Networks of less
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
        because=_because(history, moved, profile, factor),
    )


def _whole_half(ratios: np.ndarray, factor: float) -> bool:
    """Whether the whole first half gets less the farther it is from the output, down to `factor` for the first."""
    left = np.linspace(1, 0, len(ratios))  # of the way from the first to the last
    half = len(ratios) // 2
    return bool(np.all(ratios[:half] < factor ** left[:half]))


def _because(history: History, moved: Movement, profile: np.ndarray, factor: float) -> tuple[str, ...]:
    """Dead or saturated layers are behind it if they take that much; the steps, if it was not so at the first looks."""
    alone = _without_lost(history, moved, profile) < factor
    late = _at_first(history, moved) >= factor
    return (*(c for c in FOLLOWS if c not in UNITS or not alone), *(LATER if late else ()))


def _at_first(history: History, moved: Movement) -> float:
    """The first weight's gradient over the last one's, per entry, at the first looks; NaN if not measured."""
    layer = history.parameter_layer("grad_norm")
    rows = layer.values[layer.optimizers == history.main][:FEW]
    sizes = [math.sqrt(history.parameters[int(c)].numel) for c in (moved.columns[0], moved.columns[-1])]
    first, last = (rows[:, int(moved.columns[i])] / size for i, size in zip((0, -1), sizes, strict=True))
    with np.errstate(all="ignore"):
        ratios = first / last
    return float(np.median(ratios)) if len(ratios) else math.nan


def _without_lost(history: History, moved: Movement, profile: np.ndarray) -> float:
    """What is left of the gradient at the first weight, but for what dead or saturated layers take."""
    lost = {info.name for info in history.activations if _passes_nothing(history, info)}
    names = [history.parameters[int(c)].name for c in moved.columns]
    known = np.flatnonzero(np.isfinite(profile) & (profile > 0))
    kept = [
        float(profile[near] / profile[far])
        for near, far in pairwise(known)
        if not any(name.endswith(f"after {names[near]}") for name in lost)
    ]
    return math.prod(kept)


def _passes_nothing(history: History, info: ActivationInfo) -> bool:
    for kind in ("dead_share", "saturated_share"):
        values = history.activation_layer(kind).values
        shares = values[:, info.index] if info.index < values.shape[1] else np.empty(0)
        shares = shares[np.isfinite(shares)]
        if len(shares) and float(np.median(shares[-3:])) >= LOST:
            return True
    return False


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
