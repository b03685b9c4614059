"""The activation in front of a loss that applies it itself, or that wants its logarithm."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.losses import Activation, activation, function_of, loss_call, prediction
from surefoot.edits.names import argument, called
from surefoot.edits.script import Script, Unsure, slice_of

SOFTMAX = ("softmax", "Softmax", "Softmax2d")
SIGMOID = ("sigmoid", "Sigmoid")
# Who calls these somewhere reads probabilities, which would be none any more.
_OF_PROBABILITIES = (
    "multinomial",
    "Categorical",
    "Bernoulli",
    "predict_proba",
    "log_loss",
    "log",
    "entropy",
    "round",
)
_REGRESSIONS = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss")


@answers("softmax-before-cross-entropy", "raw-scores")
def raw_scores(place: Place) -> str:
    """Take the softmax out of what cross-entropy is given."""
    found = _found(place, ("cross_entropy",), SOFTMAX)
    _take_out(place, found)
    return "Gives the raw scores to cross-entropy, which applies softmax itself."


@answers("sigmoid-before-logits-loss", "raw-logits")
def raw_logits(place: Place) -> str:
    """Take the sigmoid (or softmax) out of what BCE with logits is given."""
    found = _found(place, ("binary_cross_entropy_with_logits",), SIGMOID + SOFTMAX)
    _take_out(place, found)
    return "Gives the raw scores to the loss, which applies the sigmoid itself."


@answers("output-activation")
def no_activation(place: Place) -> str:
    """Take out the last activation of a model whose targets lie outside of its range."""
    name = str(place.detail("activation")).lower()
    names = {"relu": ("relu", "ReLU"), "sigmoid": SIGMOID, "tanh": ("tanh", "Tanh"), "softmax": SOFTMAX}.get(
        name
    )
    if names is None:
        raise Unsure
    _take_out(place, _found(place, _REGRESSIONS, names))
    return f"Takes out the {name} behind the last layer."


@answers("nll-without-log-softmax", "kl-without-log", "log-probabilities")
def logarithm_of_softmax(place: Place) -> str:
    """Put log_softmax in the place of the softmax that a loss of log-probabilities is given."""
    found = _found(place, ("nll_loss", "kl_div"), ("softmax", "Softmax"))
    named = found.call.func if found.layer is None else found.layer.func
    new = "log_softmax" if found.layer is None else "LogSoftmax"
    if not isinstance(named, cst.Attribute):
        raise Unsure  # a name of its own, whose import would have to change too
    place.changes.replace(named.attr, new)
    return f"Gives log-probabilities to the loss: {new}."


@answers("nll-without-log-softmax", "kl-without-log", "log-probabilities")
def log_softmax_of_scores(place: Place) -> str:
    """Apply log_softmax to raw scores in the loss's call."""
    low, high = place.detail("range")
    if low >= 0 and high <= 1:
        raise Unsure  # probabilities, whose softmax was not found
    call = loss_call(place.script, place.line, ("nll_loss", "kl_div"))
    axis = 1 if function_of(place.script, call) == "nll_loss" else -1
    place.changes.append(prediction(call), f".log_softmax({axis})")
    return "Applies log_softmax to the scores that the loss is given."


def _found(place: Place, losses: tuple[str, ...], names: tuple[str, ...]) -> Activation:
    script = place.script
    found = activation(script, prediction(loss_call(script, place.line, losses)), names)
    if not found.direct and _read_elsewhere(script, thresholds=called(found.call) in SIGMOID):
        raise Unsure
    return found


def _take_out(place: Place, found: Activation) -> None:
    script = place.script
    if found.sequential is not None:
        _drop_last(place, found.sequential)
        return
    call = found.call
    inner = argument(call, "input", 0)
    if found.layer is None and isinstance(call.func, cst.Attribute) and _method(script, call):
        inner = call.func.value
    if inner is None:
        raise Unsure
    text = slice_of(script.source, script.outer(inner))
    parent = script.parent(call)
    if isinstance(parent, cst.Assign) and script.text(parent.targets[0].target) == text:
        place.changes.remove(parent)
        return
    loose = not isinstance(inner, cst.Name | cst.Attribute | cst.Call | cst.Subscript) and not inner.lpar
    if loose and isinstance(parent, cst.Attribute | cst.Subscript | cst.BinaryOperation | cst.UnaryOperation):
        text = f"({text})"
    place.changes.replace(call, text)


def _method(script: Script, call: cst.Call) -> bool:
    """Whether it is `scores.softmax(1)`, not a function of torch's: those are given a tensor first."""
    base = call.func.value if isinstance(call.func, cst.Attribute) else None
    return base is not None and script.text(base) not in (
        "torch",
        "F",
        "nn.functional",
        "torch.nn.functional",
        "functional",
    )


def _drop_last(place: Place, sequential: cst.Call) -> None:
    """Take the last layer out of a Sequential, with its line where it has one for itself."""
    if len(sequential.args) < 2:
        raise Unsure
    script = place.script
    last, before = sequential.args[-1], sequential.args[-2]
    start, end = script.outer(before.value)[1], script.outer(last.value)[1]
    line, column = script.begin(last.value)
    ended, until = script.end(last.value)
    rest = script.lines[ended - 1][until:].lstrip(" ,").strip()
    if not script.lines[line - 1][:column].strip() and (not rest or rest.startswith("#")):
        place.changes.cut(script.offset(line, 0), script.offset(ended + 1, 0))
    else:
        place.changes.cut(start, end)


def _read_elsewhere(script: Script, thresholds: bool) -> bool:
    """Whether something in the script may need the probabilities themselves."""
    if any(called(call) in _OF_PROBABILITIES for call in script.all(cst.Call)):
        return True
    limits = (t.comparator for t in script.all(cst.ComparisonTarget))
    return thresholds and any(isinstance(n, cst.Float) and 0 < float(n.evaluated_value) < 1 for n in limits)
