"""`optimizer.zero_grad()` where it is missing."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import called, dotted, named
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import (
    backwards,
    conditions,
    counts,
    expression_statement,
    step_at,
    stepped,
    steps,
)


@answers("missing-zero-grad", "clear-gradients")
def clear_before_backward(place: Place) -> str:
    """Clear the gradients in front of the first backward whose gradients a step uses."""
    script = place.script
    step = step_at(script, place.line)
    name = named(stepped(script, step))
    region = script.region(step)
    _cleared_nowhere(script, region, name)
    if conditions(script, step, region):
        return _after(place, step, region, name)
    backward = _first_backward(script, step, region)
    if backward is None:
        place.changes.after(expression_statement(script, step), f"{name}.zero_grad()")
        return f"Clears the gradients of {name} behind its step."
    place.changes.before(script.statement(backward), f"{name}.zero_grad()")
    return f"Clears the gradients of {name} in front of backward()."


def _after(place: Place, step: cst.Call, region: cst.CSTNode, name: str) -> str:
    """Where a step follows only each k-th backward, the gradients are cleared behind it."""
    script = place.script
    around = conditions(script, step, region)
    if len(around) != 1 or not counts(script, around[0].test):
        raise Unsure
    last = expression_statement(script, step)
    for call in script.all(cst.Call, around[0]):
        if called(call) == "update" and step.args and dotted(call.func) == dotted_sibling(step, "update"):
            last = expression_statement(script, call)
    place.changes.after(last, f"{name}.zero_grad()")
    return f"Clears the gradients of {name} behind its step."


def dotted_sibling(call: cst.Call, method: str) -> str | None:
    """The name of another method of what a call's method belongs to."""
    return f"{dotted(call.func.value)}.{method}" if isinstance(call.func, cst.Attribute) else None


def _cleared_nowhere(script: Script, region: cst.CSTNode, name: str) -> None:
    for call in script.all(cst.Call, region):
        if called(call) == "zero_grad" and dotted(call.func) == f"{name}.zero_grad":
            raise Unsure


def _first_backward(script: Script, step: cst.Call, region: cst.CSTNode) -> cst.Call | None:
    """The first backward between the step before and this one; None where there may be several for one step."""
    before = [other for other in steps(script, region) if script.begin(other) < script.begin(step)]
    since = script.begin(before[-1]) if before else (0, 0)
    found = [b for b in backwards(script, region) if since < script.begin(b) < script.begin(step)]
    if not found:
        only(backwards(script, script.module))
        only(steps(script, script.module))
        return None
    if conditions(script, found[0], region):
        raise Unsure
    return found[0] if script.loops(found[0]) == script.loops(step) else None
