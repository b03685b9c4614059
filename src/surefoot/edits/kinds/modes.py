"""Train and eval mode where they belong."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.models import handed_as, model_called, model_of, models_called
from surefoot.edits.names import argument, called, dotted, parameters
from surefoot.edits.script import Script, Statement, Unsure, only
from surefoot.edits.training import backward_at, backwards, makes_optimizer, stepped, steps

_WITHOUT_GRADIENTS = ("no_grad", "inference_mode")


@answers("train-in-eval-mode", "train-mode")
def train_mode(place: Place) -> str:
    """Switch to train mode in front of the innermost loop that trains."""
    script = place.script
    backward = backward_at(script, place.line)
    model, loops = _trained(script, backward), script.loops(backward)
    place.changes.before(loops[0] if loops else _first(script, backward), f"{model}.train()")
    return f"Puts {model} into train mode in front of its training."


@answers("validate-in-train-mode", "eval-mode")
def functional_dropout(place: Place) -> str:
    """Let a dropout that is a function follow the mode of the model."""
    script = place.script
    call = only(c for c in script.at(place.line, cst.Call) if "dropout" in called(c) and c.args)
    scope = script.scope(call)
    name = dotted(call.func) or ""
    if (
        not isinstance(scope, cst.FunctionDef)
        or parameters(scope)[:1] != ["self"]
        or name.startswith("self.")
    ):
        raise Unsure
    if scope.name.value != "forward" or argument(call, "training", 2) is not None:
        raise Unsure
    place.changes.argument(call, "training=self.training")
    return "Lets dropout follow the mode of the model."


@answers("validate-in-train-mode", "eval-mode")
def eval_mode(place: Place) -> str:
    """Switch to eval mode in front of a validation, and back behind it where training does not do so itself."""
    script = place.script
    model, call = model_called(script, place.line)
    block = _validation(script, call)
    if any(name != model for name in models_called(script, block)):
        raise Unsure
    if any(
        dotted(c.func) == f"{model}.eval"
        for c in script.all(cst.Call)
        if script.scope(c) is script.scope(call)
    ):
        raise Unsure
    place.changes.before(block, f"{model}.eval()")
    if _trains_on(script, block) and not _switched_back(script, model):
        if any(True for _ in script.all(cst.Return, block)):
            raise Unsure
        place.changes.after(block, f"{model}.train()")
    return f"Puts {model} into eval mode for the validation."


@answers("teacher-in-train-mode", "teacher-eval-mode")
def teacher_in_eval_mode(place: Place) -> str:
    """Switch a network that is only asked to eval mode, in front of all loops."""
    script = place.script
    calls = script.at(place.line, cst.Call)
    names = {name for call in calls for name in models_called(script, call)}
    name = only(n for n in names if not _optimized(script, n))
    call = next(c for c in calls if dotted(c.func) == name)
    loops = script.loops(call)
    if not loops or any(dotted(c.func) in (f"{name}.eval", f"{name}.train") for c in script.all(cst.Call)):
        raise Unsure
    place.changes.before(loops[-1], f"{name}.eval()")
    return f"Puts {name} into eval mode, in front of the training."


def _trained(script: Script, backward: cst.Call) -> str:
    """The model that a loop trains: the one of its optimizer's parameters, else the only one that it calls."""
    region = script.region(backward)
    found = steps(script, region)
    try:
        return model_of(script, stepped(script, only(found)), backward)
    except Unsure:
        return only(models_called(script, region))


def _first(script: Script, node: cst.CSTNode) -> Statement:
    """The first statement of the function around a node that is no docstring."""
    function = script.scope(node)
    if not isinstance(function, cst.FunctionDef) or not isinstance(function.body, cst.IndentedBlock):
        raise Unsure
    line = function.body.body[0]
    statements = script.block(line.body[0] if isinstance(line, cst.SimpleStatementLine) else _compound(line))
    told = isinstance(statements[0], cst.Expr) and isinstance(statements[0].value, cst.SimpleString)
    return statements[1] if told else statements[0]


def _compound(line: cst.BaseStatement) -> cst.BaseCompoundStatement:
    if not isinstance(line, cst.BaseCompoundStatement):
        raise Unsure
    return line


def _validation(script: Script, call: cst.Call) -> Statement:
    """The statement that is all of a validation: under `no_grad`, or the loops of a function without gradients."""
    scope = script.scope(call)
    around = [
        held for held in script.above(call) if isinstance(held, cst.With) and _without_gradients(script, held)
    ]
    inside = [held for held in around if script.scope(held) is scope]
    if inside:
        loops = [
            loop
            for loop in script.loops(call)
            if script.holds(loop, inside[-1]) and not backwards(script, loop.body)
        ]
        return loops[-1] if loops else inside[-1]
    if not isinstance(scope, cst.FunctionDef) or not any(
        _named(d.decorator) in _WITHOUT_GRADIENTS for d in scope.decorators
    ):
        raise Unsure
    loops = script.loops(call)
    return loops[-1] if loops else script.statement(call)


def _without_gradients(script: Script, held: cst.With) -> bool:
    return any(_named(item.item) in _WITHOUT_GRADIENTS for item in held.items)


def _named(node: cst.BaseExpression) -> str:
    return called(node) if isinstance(node, cst.Call) else (dotted(node) or "").rpartition(".")[2]


def _trains_on(script: Script, block: Statement) -> bool:
    """Whether training may go on behind a validation: it stands in a loop, or in a function."""
    return bool(script.loops(block)) or isinstance(script.scope(block), cst.FunctionDef)


def _switched_back(script: Script, model: str) -> bool:
    """Whether `train()` is called in a loop or a function that trains, so that each epoch begins with it."""
    for call in script.all(cst.Call):
        if called(call) == "train" and not call.args and isinstance(call.func, cst.Attribute):
            scope = script.scope(call)
            same = dotted(call.func.value) in (model, handed_as(script, model, call)) or isinstance(
                scope, cst.FunctionDef
            )
            held = script.loops(call)[-1].body if script.loops(call) else scope
            if same and not isinstance(held, cst.Module) and backwards(script, held):
                return True
    return False


def _optimized(script: Script, name: str) -> bool:
    made = (call for call in script.all(cst.Call) if makes_optimizer(call))
    return any(dotted(c.func) == f"{name}.parameters" for call in made for c in script.all(cst.Call, call))
