"""A number of the optimizer's: its rate or its weight decay, where it is written down."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.literals import change, literal, written
from surefoot.edits.names import argument, called
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import CLIPPING, makes_optimizer

# These set the rate themselves: the optimizer's own is not used.
OVERRULING = ("OneCycleLR", "CyclicLR")


@answers("lr-too-high", "lr-too-low", "rate", "lower-rate", "raise-rate")
def rate(place: Place) -> str:
    """Write another rate, which `value` gives or `factor` times the old one, where the old one is written."""
    if any(called(call) in OVERRULING for call in place.script.all(cst.Call)):
        raise Unsure
    return _set(place, "lr", 1, "learning rate")


@answers("weight-decay-too-strong", "weight-decay", "less-weight-decay")
def weight_decay(place: Place) -> str:
    """Write another weight decay, as the rate."""
    return _set(place, "weight_decay", None, "weight decay")


@answers("clipping-too-tight", "clipping-limit")
def limit(place: Place) -> str:
    """Write another limit of a clip."""
    call = only(c for c in place.script.at(place.line, cst.Call) if called(c) in CLIPPING)
    value = argument(call, "max_norm" if called(call) == CLIPPING[0] else "clip_value", 1)
    if value is None:
        raise Unsure
    old, new = change(place.changes, place.script, literal(place.script, value), place.details)
    return f"Sets the limit of the clipping to {new} (it is {old})."


def _set(place: Place, keyword: str, position: int | None, said: str) -> str:
    script = place.script
    call = optimizer_at(script, place.line)
    value = argument(call, keyword, position)
    if value is None:
        new = written(float(place.detail("value")))
        place.changes.argument(call, f"{keyword}={new}")
        return f"Sets the {said} to {new}."
    found = literal(script, value)
    _used_once(script, found, keyword, position)
    old, new = change(place.changes, script, found, place.details)
    return f"Sets the {said} to {new} (it is {old})."


def optimizer_at(script: Script, line: int | None) -> cst.Call:
    """The call that makes the optimizer: on this line, else the only one."""
    calls = script.all(cst.Call) if line is None else script.at(line, cst.Call)
    found = [call for call in calls if makes_optimizer(call)]
    return only(found or (call for call in script.all(cst.Call) if makes_optimizer(call)))


def _used_once(script: Script, found: cst.BaseExpression, keyword: str, position: int | None) -> None:
    """A number that two optimizers use is not changed for one of them."""
    users = 0
    for call in script.all(cst.Call):
        if makes_optimizer(call):
            try:
                given = argument(call, keyword, position)
                users += given is not None and literal(script, given) is found
            except Unsure:
                continue
    if users != 1:
        raise Unsure
