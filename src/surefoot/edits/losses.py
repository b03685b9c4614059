"""The call of a loss in a script's text, and the activation that what it is given comes from."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import libcst as cst

from surefoot.edits.names import argument, bindings, called, dotted, origin, parameters
from surefoot.edits.script import Script, Unsure, only

FUNCTIONS = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "KLDivLoss": "kl_div",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "BCELoss": "binary_cross_entropy",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
    "PoissonNLLLoss": "poisson_nll_loss",
}
# What hands on the values of a tensor in another shape.
RESHAPING = frozenset(
    ("squeeze", "unsqueeze", "view", "reshape", "flatten", "transpose", "permute", "contiguous", "float")
)
_DEPTH = 8


def loss_call(script: Script, line: int | None, functions: Collection[str]) -> cst.Call:
    """The call of one of these losses on a line.

    Args:
        script: The script.
        line: The line that a finding names.
        functions: As torch.nn.functional names them; a module's call counts as its function's.

    Raises:
        Unsure: There is none, or there are several.
    """
    calls = script.at(line, cst.Call)
    known = [call for call in calls if function_of(script, call) in functions]
    return only(
        known or (call for call in calls if function_of(script, call) is None and _looks_like_loss(call))
    )


def function_of(script: Script, call: cst.Call) -> str | None:
    """The loss that a call is, as torch.nn.functional names it; None where it is not known to be one."""
    if called(call) in FUNCTIONS.values():
        return called(call)
    made = module_of(script, call)
    return None if made is None else FUNCTIONS.get(called(made))


def module_of(script: Script, call: cst.Call) -> cst.Call | None:
    """The call that made the module which a call applies: `nn.MSELoss()` of `criterion(x, y)`."""
    return call.func if isinstance(call.func, cst.Call) else origin(script, call.func)


def prediction(call: cst.Call) -> cst.BaseExpression:
    """What a loss is given as its input."""
    return only(v for v in (argument(call, "input", 0),) if v is not None)


def target(call: cst.Call) -> cst.BaseExpression:
    """What a loss is given as its target."""
    return only(v for v in (argument(call, "target", 1),) if v is not None)


class Activation:
    """An activation that is applied last to what a loss is given.

    Args:
        call: Its call; of a layer in a Sequential, what makes the layer.
        layer: What makes the layer, where it is one.
        direct: It stands in the loss's own call: nothing else sees it.
        sequential: The Sequential whose last layer it is.
    """

    def __init__(
        self, call: cst.Call, layer: cst.Call | None, direct: bool, sequential: cst.Call | None = None
    ) -> None:
        self.call = call
        self.layer = layer
        self.direct = direct
        self.sequential = sequential


def activation(script: Script, node: cst.BaseExpression, names: Collection[str]) -> Activation:
    """The activation that an expression's values come from, through names, reshapes, models and their `forward`.

    Args:
        script: The script.
        node: What a loss is given.
        names: Names of functions and classes of activations: "softmax", "Softmax".

    Raises:
        Unsure: None is found, or the way to it is not certain.
    """
    return _search(script, node, names, direct=True, depth=_DEPTH)


def _search(
    script: Script, node: cst.BaseExpression, names: Collection[str], direct: bool, depth: int
) -> Activation:
    if depth == 0:
        raise Unsure
    if isinstance(node, cst.Name):
        return _search(script, last_value(script, node), names, False, depth - 1)
    if isinstance(node, cst.Subscript):
        return _search(script, node.value, names, direct, depth - 1)
    if not isinstance(node, cst.Call):
        raise Unsure
    if called(node) in names:
        return Activation(node, None, direct)
    if called(node) in RESHAPING and isinstance(node.func, cst.Attribute):
        return _search(script, node.func.value, names, direct, depth - 1)
    made = module_of(script, node)
    if made is not None and called(made) in names:
        return Activation(node, made, direct)
    if made is not None and called(made) == "Sequential":
        return _last_layer(made, names)
    return _search(script, _returned(script, node, made), names, False, depth - 1)


def _last_layer(made: cst.Call, names: Collection[str]) -> Activation:
    last = made.args[-1] if made.args else None
    if last is None or last.star or not isinstance(last.value, cst.Call) or called(last.value) not in names:
        raise Unsure
    return Activation(last.value, last.value, False, made)


def _returned(script: Script, call: cst.Call, made: cst.Call | None) -> cst.BaseExpression:
    """What a function, or the `forward` of a model of the script's own, returns in its only `return`."""
    functions = list(_functions(script, call, made))
    function = only(functions)
    returns = [r for r in script.all(cst.Return, function) if script.scope(r) is function]
    value = only(returns).value
    if value is None:
        raise Unsure
    return value


def _functions(script: Script, call: cst.Call, made: cst.Call | None) -> Iterator[cst.FunctionDef]:
    for function in script.all(cst.FunctionDef):
        scope = script.scope(function)
        if dotted(call.func) in ("self", "self.forward"):
            if function.name.value == "forward" and scope is _own_class(script, call):
                yield function
        elif made is not None and isinstance(scope, cst.ClassDef):
            if scope.name.value == called(made) and function.name.value == "forward":
                yield function
        elif made is None and isinstance(scope, cst.Module) and isinstance(call.func, cst.Name):
            yield from (f for f in (function,) if f.name.value == called(call))


def _own_class(script: Script, node: cst.CSTNode) -> cst.ClassDef | None:
    return next((held for held in script.above(node) if isinstance(held, cst.ClassDef)), None)


def last_value(script: Script, name: cst.Name) -> cst.BaseExpression:
    """What a name was given last, on every way to here."""
    scope = script.scope(name)
    before = [
        b
        for b in bindings(script, name.value)
        if script.scope(b) is scope and script.begin(b) < script.begin(name)
    ]
    before = [b for b in before if script.statement(b) is not script.statement(name)]
    if not before or (isinstance(scope, cst.FunctionDef) and name.value in parameters(scope) and not before):
        raise Unsure
    statement = script.statement(before[-1])
    if (
        not isinstance(statement, cst.Assign)
        or len(statement.targets) != 1
        or statement.targets[0].target is not before[-1]
    ):
        raise Unsure
    block = script.block(statement)
    if not any(script.holds(item, name) for item in block):
        raise Unsure  # given in a branch that need not be taken
    return statement.value


def _looks_like_loss(call: cst.Call) -> bool:
    name = (dotted(call.func) or "").lower().rpartition(".")[2]
    plain = len(call.args) == 2 and not any(a.keyword or a.star for a in call.args)
    return plain and ("loss" in name or "criterion" in name)
