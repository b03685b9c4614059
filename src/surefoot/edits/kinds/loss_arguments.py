"""What a loss is told beside its input: the padding to leave out, how it adds up; and shapes that fit."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.losses import FUNCTIONS, function_of, loss_call, module_of, prediction, target
from surefoot.edits.names import argument, called
from surefoot.edits.script import Unsure

_IGNORING = ("cross_entropy", "nll_loss")
_ALL = tuple(FUNCTIONS.values())


@answers("padding-in-loss", "ignore-padding")
def ignore_index(place: Place) -> str:
    """Leave a token out of the loss: where the loss is made, else where it is called."""
    token = int(place.detail("token"))
    call = _settings(place, _IGNORING)
    if argument(call, "ignore_index", 3 if called(call) in _IGNORING else 2) is not None:
        raise Unsure
    place.changes.argument(call, f"ignore_index={token}")
    return f"Leaves token {token} out of the loss."


@answers("loss-sum-reduction", "mean-loss")
def mean_reduction(place: Place) -> str:
    """Take the mean over a batch in the place of the sum."""
    value = argument(_settings(place, _ALL), "reduction")
    if not isinstance(value, cst.SimpleString) or value.evaluated_value != "sum":
        raise Unsure
    place.changes.replace(value, f"{value.quote}mean{value.quote}")
    return "Takes the mean of the loss over a batch, not the sum."


@answers("broadcast-loss", "target-shape")
def same_shape(place: Place) -> str:
    """Take the axis of size one off the prediction or the target, whichever has one more."""
    shape, against = list(place.detail("shape")), list(place.detail("against"))
    call = loss_call(place.script, place.line, _ALL)
    if shape == [*against, 1]:
        place.changes.append(prediction(call), ".squeeze(-1)")
    elif against == [*shape, 1]:
        place.changes.append(target(call), ".squeeze(-1)")
    else:
        raise Unsure
    return "Gives prediction and target the same shape."


@answers("detach-target")
def detach_target(place: Place) -> str:
    """Cut the graph behind a loss's target, which another network made."""
    call = loss_call(place.script, place.line, _ALL)
    if any(called(inner) == "detach" for inner in place.script.all(cst.Call, call)):
        raise Unsure
    place.changes.append(target(call), ".detach()")
    return "Sends no gradient into the target."


def _settings(place: Place, functions: tuple[str, ...]) -> cst.Call:
    """The call that says how a loss adds up: the module's own, else the function's."""
    call = loss_call(place.script, place.line, functions)
    if called(call) in FUNCTIONS.values():
        return call
    made = module_of(place.script, call)
    if made is None or function_of(place.script, call) not in functions:
        raise Unsure
    return made
