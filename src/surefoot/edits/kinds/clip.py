"""Clipping of the gradients' norm where it counts: between backward and the step, on unscaled gradients."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.literals import written
from surefoot.edits.models import model_of
from surefoot.edits.names import argument, called, dotted, named
from surefoot.edits.script import Script, Statement, Unsure, only
from surefoot.edits.training import (
    CLIPPING,
    backwards,
    conditions,
    expression_statement,
    scaled,
    step_at,
    stepped,
    steps,
)


@answers("clip", "exploding-gradient", "loss-spike")
def clip_before_step(place: Place) -> str:
    """Clip to `max_norm` in front of the step, by the function that the script can name."""
    script, limit = place.script, written(float(place.detail("max_norm")))
    step = step_at(script, place.line)
    if any(called(call) in CLIPPING for call in script.all(cst.Call)):
        raise Unsure
    optimizer, statement = named(stepped(script, step)), expression_statement(script, step)
    scaler = scaled(script, step)
    if scaler is not None:
        place.changes.before(statement, f"{scaler}.unscale_({optimizer})")
    model = model_of(script, stepped(script, step), step)
    place.changes.before(statement, f"{_function(script, step)}({model}.parameters(), {limit})")
    return f"Clips the gradients' norm to {limit} in front of the step."


@answers("clip-ineffective", "clip-at-step")
def move_before_step(place: Place) -> str:
    """Move a clip to where the gradients are: in front of the step, behind backward."""
    script = place.script
    call = _clip_at(place)
    statement, region = script.statement(call), script.region(call)
    step, backward = only(steps(script, region)), only(backwards(script, region))
    if script.begin(backward) < script.begin(call) < script.begin(step) or conditions(script, call, region):
        raise Unsure
    _alone(script, statement, call)
    optimizer, target = named(stepped(script, step)), expression_statement(script, step)
    scaler = scaled(script, step)
    if scaler is not None and not _unscaled(script, region):
        place.changes.before(target, f"{scaler}.unscale_({optimizer})")
    place.changes.move_before(statement, target)
    return "Moves the clipping between backward() and the step."


@answers("clip-ineffective", "clip-at-step")
def unscale_before_clip(place: Place) -> str:
    """Take the scaler's factor out of the gradients before they are clipped."""
    script = place.script
    call = _clip_at(place)
    region = script.region(call)
    step = only(steps(script, region))
    scaler = scaled(script, step)
    if scaler is None or _unscaled(script, region) or not script.begin(call) < script.begin(step):
        raise Unsure
    place.changes.before(script.statement(call), f"{scaler}.unscale_({named(stepped(script, step))})")
    return "Takes the scaler's factor out of the gradients before they are clipped."


@answers("clip-ineffective", "clip-at-step")
def clip_what_is_stepped(place: Place) -> str:
    """Clip the parameters of the optimizer that steps next, not another model's."""
    script = place.script
    call = _clip_at(place)
    region = script.region(call)
    step = next((s for s in steps(script, region) if script.begin(s) > script.begin(call)), None)
    given = argument(call, "parameters", 0)
    if step is None or given is None or scaled(script, step) or conditions(script, step, region):
        raise Unsure
    model = model_of(script, stepped(script, step), call)
    if (
        not isinstance(given, cst.Call)
        or called(given) != "parameters"
        or script.text(given) == f"{model}.parameters()"
    ):
        raise Unsure
    place.changes.replace(given, f"{model}.parameters()")
    return f"Clips the parameters of {model}, which the step uses."


def _clip_at(place: Place) -> cst.Call:
    return only(call for call in place.script.at(place.line, cst.Call) if called(call) in CLIPPING)


def _alone(script: Script, statement: Statement, call: cst.Call) -> None:
    """A statement that does nothing but clip, whose result nobody needs before it would come."""
    if isinstance(statement, cst.Expr) and statement.value is call:
        return
    raise Unsure


def _unscaled(script: Script, region: cst.CSTNode) -> bool:
    return any(called(call) == "unscale_" for call in script.all(cst.Call, region))


def _function(script: Script, step: cst.Call) -> str:
    """How this script can call the clipping: Accelerate's where it does the backward, else torch's."""
    for call in backwards(script, script.region(step)):
        if isinstance(call.func, cst.Attribute) and "accelerator" in (dotted(call.func.value) or ""):
            return f"{dotted(call.func.value)}.clip_grad_norm_"
    for alias, written_as in _imports(script):
        if alias == "torch":
            return f"{written_as}.nn.utils.clip_grad_norm_"
        if alias == "torch.nn":
            return f"{written_as}.utils.clip_grad_norm_"
    raise Unsure


def _imports(script: Script) -> list[tuple[str, str]]:
    """(what is imported, its name here) of torch and torch.nn."""
    found = []
    for item in script.all(cst.Import):
        for name in item.names:
            if name.evaluated_name in ("torch", "torch.nn"):
                whole = name.evaluated_alias or name.evaluated_name
                found.append((name.evaluated_name, whole))
    for source in script.all(cst.ImportFrom):
        if dotted(source.module) == "torch" and not isinstance(source.names, cst.ImportStar):
            found += [
                ("torch.nn", n.evaluated_alias or "nn") for n in source.names if n.evaluated_name == "nn"
            ]
    return found
