"""The calls of a training loop in a script's text: backward, step, clear, and whose they are."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.names import argument, called, dotted, named, origin
from surefoot.edits.script import Script, Unsure, only

BACKWARD = ("backward", "manual_backward")
CLIPPING = ("clip_grad_norm_", "clip_grad_value_")
# Those of torch.optim.
OPTIMIZERS = {"Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "ASGD", "LBFGS", "Muon", "NAdam"}
OPTIMIZERS |= {"RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam"}


def makes_optimizer(call: cst.Call | None) -> bool:
    """Whether a call makes an optimizer of PyTorch's, or of a module of optimizers."""
    if call is None:
        return False
    name = dotted(call.func) or ""
    return called(call) in OPTIMIZERS or (
        name.startswith(("optim.", "torch.optim.")) and "scheduler" not in name
    )


def backwards(script: Script, region: cst.CSTNode) -> list[cst.Call]:
    """The calls of backward in a region, in the order of the text."""
    return [
        call
        for call in script.all(cst.Call, region)
        if called(call) in BACKWARD and straight(script, call, region)
    ]


def steps(script: Script, region: cst.CSTNode) -> list[cst.Call]:
    """The calls in a region that step an optimizer, its scaler's among them."""
    calls = (call for call in script.all(cst.Call, region) if called(call) == "step")
    return [call for call in calls if straight(script, call, region) and _steps_optimizer(script, call)]


def stepped(script: Script, call: cst.Call) -> cst.BaseExpression:
    """The optimizer that a call steps: in front of the dot, or what a scaler is given.

    Raises:
        Unsure: It steps something without a name, or by a closure.
    """
    if not isinstance(call.func, cst.Attribute):
        raise Unsure
    if call.args:
        given = argument(call, "optimizer", 0)
        if "scaler" not in (dotted(call.func.value) or "").lower() or given is None or len(call.args) > 1:
            raise Unsure
        named(given)
        return given
    named(call.func.value)
    return call.func.value


def step_at(script: Script, line: int | None) -> cst.Call:
    """The step that a finding names by its line, else the only one of the script."""
    if line is None:
        return only(steps(script, script.module))
    found = [call for call in script.at(line, cst.Call) if called(call) == "step"]
    return only(found)


def backward_at(script: Script, line: int | None) -> cst.Call:
    """The backward that a finding names by its line, else the only one of the script."""
    if line is None:
        return only(backwards(script, script.module))
    return only(call for call in script.at(line, cst.Call) if called(call) in BACKWARD)


def backed(backward: cst.Call) -> cst.BaseExpression:
    """The loss of a backward: in front of the dot, in a scaler's `scale(…)`, or what Accelerate is given."""
    if backward.args and not backward.args[0].keyword and _accelerated(backward):
        return backward.args[0].value
    held = backward.func.value if isinstance(backward.func, cst.Attribute) else None
    if isinstance(held, cst.Call) and called(held) == "scale" and len(held.args) == 1:
        return held.args[0].value
    if held is None or (backward.args and not all(a.keyword for a in backward.args)):
        raise Unsure
    return held


def _accelerated(backward: cst.Call) -> bool:
    name = dotted(backward.func) or ""
    return called(backward) == "manual_backward" or any(
        word in name.lower() for word in ("accelerator", "fabric")
    )


def expression_statement(script: Script, call: cst.Call) -> cst.Expr:
    """The statement that a call is, alone.

    Raises:
        Unsure: It is a part of something else.
    """
    held = script.parent(call)
    if not isinstance(held, cst.Expr):
        raise Unsure
    return held


def scaled(script: Script, step: cst.Call) -> str | None:
    """The gradient scaler that a step goes through; None where it goes through none."""
    return named(step.func.value) if isinstance(step.func, cst.Attribute) and step.args else None


def conditions(script: Script, node: cst.CSTNode, region: cst.CSTNode) -> list[cst.If]:
    """The `if`s between a node and a region that holds it, the innermost first."""
    found = []
    for held in script.above(node):
        if held is region:
            break
        if isinstance(held, cst.If):
            found.append(held)
    return found


def counts(script: Script, test: cst.BaseExpression) -> list[cst.BaseExpression]:
    """What a condition divides by to take every k-th: `k` of `(i + 1) % k == 0`."""
    operations = script.all(cst.BinaryOperation, test)
    return [found.right for found in operations if isinstance(found.operator, cst.Modulo)]


def _steps_optimizer(script: Script, call: cst.Call) -> bool:
    if not isinstance(call.func, cst.Attribute):
        return False
    name = (dotted(call.func.value) or "").lower().rpartition(".")[2]
    if call.args and "scaler" in name:
        return True
    if makes_optimizer(origin(script, call.func.value)):
        return True
    return ("opt" in name or name in ("sgd", "adam", "adamw")) and "sched" not in name and not call.args


def straight(script: Script, call: cst.Call, region: cst.CSTNode) -> bool:
    """Whether a call is made where it stands, not in a function that is only defined there."""
    for held in script.above(call):
        if held is region:
            return True
        if isinstance(held, cst.FunctionDef | cst.Lambda | cst.ClassDef):
            return isinstance(region, cst.Module)
    return False
