"""`optimizer.step()` where it is missing."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import bindings, called, dotted, named, origin, visible
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import backward_at, conditions, expression_statement, makes_optimizer, steps


@answers("missing-step", "take-step")
def step_after_backward(place: Place) -> str:
    """Step the optimizer, through the scaler where there is one, behind the only backward."""
    script = place.script
    backward = backward_at(script, place.line)
    region = script.region(backward)
    if steps(script, region) or conditions(script, backward, region):
        raise Unsure
    name = _optimizer(script, backward, region)
    last, scaler = expression_statement(script, backward), _scaler(backward)
    clips = [
        c
        for c in script.all(cst.Call, region)
        if called(c).startswith("clip_grad_") or called(c) == "unscale_"
    ]
    if clips:
        last = expression_statement(script, only(c for c in clips if c is clips[-1]))
    if scaler is None:
        place.changes.after(last, f"{name}.step()")
        return f"Steps {name} after backward()."
    place.changes.after(last, f"{scaler}.step({name})")
    if not any(dotted(call.func) == f"{scaler}.update" for call in script.all(cst.Call, region)):
        place.changes.after(last, f"{scaler}.update()")
    return f"Steps {name} through {scaler} after backward()."


def _optimizer(script: Script, backward: cst.Call, region: cst.CSTNode) -> str:
    """The optimizer that is cleared in the same loop, else the only one that is made where this loop sees it."""
    cleared = [c.func for c in script.all(cst.Call, region) if called(c) == "zero_grad"]
    values = [
        f.value for f in cleared if isinstance(f, cst.Attribute) and "opt" in (dotted(f.value) or "").lower()
    ]
    if values:
        return named(only(values))
    made = [call for call in script.all(cst.Call) if makes_optimizer(call)]
    targets = [t for t in script.all(cst.AssignTarget) if isinstance(t.target, cst.Name | cst.Attribute)]
    name = named(only(t.target for t in targets if origin(script, t.target) is only(made)))
    if not visible(script, name, backward) or len(bindings(script, name)) != 1:
        raise Unsure
    return name


def _scaler(backward: cst.Call) -> str | None:
    """`scaler` of `scaler.scale(loss).backward()`."""
    held = backward.func.value if isinstance(backward.func, cst.Attribute) else None
    if isinstance(held, cst.Call) and called(held) == "scale" and isinstance(held.func, cst.Attribute):
        return named(held.func.value)
    return None
