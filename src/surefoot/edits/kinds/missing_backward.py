"""`loss.backward()` where it is missing."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.losses import function_of
from surefoot.edits.names import called
from surefoot.edits.script import Unsure, only
from surefoot.edits.training import backwards, conditions, expression_statement, scaled, step_at


@answers("step-without-backward", "call-backward")
def backward_before_step(place: Place) -> str:
    """Call backward of the loop's only loss in front of its step."""
    script = place.script
    step = step_at(script, place.line)
    region = script.region(step)
    if any(call.args for call in (step,) if scaled(script, step) is None) or conditions(script, step, region):
        raise Unsure
    if backwards(script, region) or any(called(c) == "backward" for c in script.all(cst.Call)):
        raise Unsure
    losses = [call for call in script.all(cst.Call, region) if function_of(script, call) is not None]
    statement = script.statement(only(losses))
    if (
        not isinstance(statement, cst.Assign)
        or len(statement.targets) != 1
        or statement.value is not losses[0]
    ):
        raise Unsure
    name, scaler = script.text(statement.targets[0].target), scaled(script, step)
    if not script.begin(statement) < script.begin(step):
        raise Unsure
    clears = [
        c
        for c in script.all(cst.Call, region)
        if called(c) == "zero_grad" and script.begin(statement) < script.begin(c)
    ]
    last = expression_statement(script, only(clears)) if clears else statement
    place.changes.after(
        last, f"{name}.backward()" if scaler is None else f"{scaler}.scale({name}).backward()"
    )
    return f"Calls {name}.backward() in front of the step."
