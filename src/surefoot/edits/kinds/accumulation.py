"""Gradients that are accumulated, divided by their number; losses that are kept as numbers."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import called, dotted, parameters, visible
from surefoot.edits.script import Script, Unsure, only
from surefoot.edits.training import backed, backward_at, counts


@answers("accumulation-unscaled", "scale-accumulation")
def divide_by_count(place: Place) -> str:
    """Divide the loss by what the step's condition counts to, where backward is called."""
    script = place.script
    backward = backward_at(script, place.line)
    count = _count(script, backward)
    if count is None:
        raise Unsure
    loss = backed(backward)
    whole = isinstance(script.parent(loss), cst.Attribute)  # (loss / k).backward()
    place.changes.divide(loss, count, whole)
    return f"Divides the loss by {count} in front of backward()."


@answers("graph-kept")
def keep_numbers(place: Place) -> str:
    """Keep a loss's number in a sum or a list, not the loss with its graph."""
    script = place.script
    backward = backward_at(script, place.line)
    loss = dotted(backed(backward))
    if loss is None:
        raise Unsure
    node, kept = only(_kept(script, script.region(backward), loss))
    method = "detach" if _used_as_tensor(script, kept) else "item"
    place.changes.append(node, f".{method}()")
    return f"Keeps {loss}.{method}() in {kept}, without the graph behind it."


def _count(script: Script, backward: cst.Call) -> str | None:
    """The `k` of `if (i + 1) % k == 0`, under which the script's only step stands, as it is called at backward."""
    tests = [held for held in script.all(cst.If) if _steps_below(script, held)]
    found = [k for test in tests for k in counts(script, test.test)]
    if not found or len({script.text(k) for k in found}) != 1:
        return None
    text = script.text(found[0])
    if isinstance(found[0], cst.Integer):
        return text
    name = dotted(found[0])
    scope = script.scope(backward)
    known = (
        isinstance(scope, cst.FunctionDef) and name in parameters(scope) and scope is script.scope(found[0])
    )
    return text if name is not None and (known or visible(script, name, backward)) else None


def _steps_below(script: Script, held: cst.If) -> bool:
    return any(called(c) in ("step", "zero_grad") for c in script.all(cst.Call, held.body)) and bool(
        counts(script, held.test)
    )


def _kept(script: Script, region: cst.CSTNode, loss: str) -> list[tuple[cst.BaseExpression, str]]:
    """(the loss's name where it is kept, what keeps it) for each sum and list in a loop."""
    found: list[tuple[cst.BaseExpression, str]] = []
    for added in script.all(cst.AugAssign, region):
        if isinstance(added.operator, cst.AddAssign):
            found += [(node, script.text(added.target)) for node in _bare(script, added.value, loss)]
    for call in script.all(cst.Call, region):
        if called(call) == "append" and len(call.args) == 1 and isinstance(call.func, cst.Attribute):
            found += [
                (node, script.text(call.func.value)) for node in _bare(script, call.args[0].value, loss)
            ]
    for given in script.all(cst.Assign, region):
        name, value = dotted(given.targets[0].target), given.value
        if name is not None and isinstance(value, cst.BinaryOperation) and dotted(value.left) == name:
            found += [(node, name) for node in _bare(script, value.right, loss)]
    return found


def _bare(script: Script, value: cst.BaseExpression, loss: str) -> list[cst.BaseExpression]:
    """A loss alone, or times or over something."""
    if isinstance(value, cst.BinaryOperation) and isinstance(value.operator, cst.Multiply | cst.Divide):
        return _bare(script, value.left, loss) + _bare(script, value.right, loss)
    return [value] if dotted(value) == loss else []


def _used_as_tensor(script: Script, kept: str) -> bool:
    """Whether what keeps the losses is asked for what only a tensor has, or given to torch."""
    for node in script.all(cst.Attribute):
        if dotted(node.value) == kept and node.attr.value not in ("append", "extend", "clear", "pop"):
            return True
    calls = (call for call in script.all(cst.Call) if (dotted(call.func) or "").startswith("torch."))
    return any(dotted(argument.value) == kept for call in calls for argument in call.args)
