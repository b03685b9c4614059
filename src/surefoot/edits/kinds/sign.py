"""The sign of a loss that goes uphill."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.losses import last_value
from surefoot.edits.names import called
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import BACKWARD, backed


@answers("loss-sign-flipped", "turn-sign")
def turn_sign(place: Place) -> str:
    """Take a loss's minus away, or give it one, where it is made."""
    value = _made(place.script, place.line)
    if isinstance(value, cst.UnaryOperation) and isinstance(value.operator, cst.Minus):
        place.changes.replace(value, place.script.text(value.expression))
        return "Takes the minus in front of the loss away."
    if not isinstance(value, cst.Call) or value.lpar:
        raise Unsure
    place.changes.replace(value, f"-{place.script.text(value)}")
    return "Puts a minus in front of the loss."


def _made(script: Script, line: int | None) -> cst.BaseExpression:
    """What a loss is given on a line, or was given last in front of its backward."""
    calls = [call for call in script.at(line, cst.Call) if called(call) in BACKWARD]
    if not calls:
        return only(given for given in script.at(line, cst.Assign) if len(given.targets) == 1).value
    loss = backed(only(calls))
    if not isinstance(loss, cst.Name):
        raise Unsure
    return last_value(script, loss)
