"""`zero_grad()` that throws away what the step should use."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import called, dotted
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import backwards, conditions, counts, expression_statement, steps


@answers("grads-cleared-before-step", "keep-gradients")
def clear_in_front_of_backward(place: Place) -> str:
    """Move a clear that stands between backward and the step in front of backward."""
    script = place.script
    clear, backward, step = _around(place)
    if not script.begin(backward) < script.begin(clear) < script.begin(step):
        raise Unsure
    region = script.region(step)
    if any(conditions(script, call, region) for call in (clear, backward)) or not _together(
        script, clear, backward
    ):
        raise Unsure
    statement = expression_statement(script, clear)
    place.changes.move_before(statement, script.statement(backward))
    return "Clears the gradients in front of backward(), not between it and the step."


@answers("grads-cleared-before-step", "keep-gradients")
def clear_behind_counted_step(place: Place) -> str:
    """Clear behind a step that follows only each k-th backward, not in every micro-batch."""
    script = place.script
    clear, backward, step = _around(place)
    region = script.region(backward)
    around = conditions(script, step, region)
    if not _together(script, clear, backward) or conditions(script, clear, region) or len(around) != 1:
        raise Unsure
    if not counts(script, around[0].test) or not script.begin(clear) < script.begin(backward):
        raise Unsure
    last, statement = expression_statement(script, step), expression_statement(script, clear)
    for call in script.all(cst.Call, around[0]):
        if step.args and called(call) == "update":
            last = expression_statement(script, call)
    place.changes.move_after(statement, last)
    return "Clears the gradients behind each step, not in every micro-batch."


def _around(place: Place) -> tuple[cst.Call, cst.Call, cst.Call]:
    """The only clear, backward and step of the loop that the line is in."""
    script = place.script
    named = [
        c for c in script.at(place.line, cst.Call) if called(c) in ("step", "backward", "manual_backward")
    ]
    region = script.region(only(named))
    clears = [c for c in script.all(cst.Call, region) if called(c) == "zero_grad" and dotted(c.func)]
    return only(clears), only(backwards(script, region)), only(steps(script, region))


def _together(script: Script, one: cst.Call, other: cst.Call) -> bool:
    return script.loops(one) == script.loops(other) and script.scope(one) is script.scope(other)
