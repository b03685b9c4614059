"""What a name of a script stands for, where only one thing can be meant."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from surefoot.edits.script import Script, Unsure, only

# A name handed on more often than this is not followed.
DEPTH = 8


def dotted(node: cst.CSTNode | None) -> str | None:
    """A name with its attributes as one text; None for anything else.

    Example:
        >>> dotted(cst.parse_expression("self.optimizer")), dotted(cst.parse_expression("f()"))
        ('self.optimizer', None)
    """
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        base = dotted(node.value)
        return None if base is None else f"{base}.{node.attr.value}"
    return None


def named(node: cst.CSTNode | None) -> str:
    """A name with its attributes, for an edit that has to write it down.

    Raises:
        Unsure: It is something else.
    """
    name = dotted(node)
    if name is None:
        raise Unsure
    return name


def called(call: cst.Call) -> str:
    """The last part of what a call calls: "softmax" of `F.softmax(x)` and of `x.softmax()`."""
    function = call.func
    if isinstance(function, cst.Attribute):
        return function.attr.value
    return function.value if isinstance(function, cst.Name) else ""


def argument(call: cst.Call, keyword: str, position: int | None = None) -> cst.BaseExpression | None:
    """An argument of a call by its keyword, or by its position; None where it is not given.

    Raises:
        Unsure: Arguments are unpacked into the call, so it may be among them.
    """
    if any(item.star for item in call.args):
        raise Unsure
    for index, item in enumerate(call.args):
        if (item.keyword is not None and item.keyword.value == keyword) or (
            item.keyword is None and index == position
        ):
            return item.value
    return None


def resolve(script: Script, node: cst.BaseExpression, depth: int = DEPTH) -> cst.BaseExpression:
    """What an expression stands for: a name's only assignment, followed through parameters of functions.

    Args:
        script: The script.
        node: An expression; one that is no name stands for itself.
        depth: How many names are followed.

    Raises:
        Unsure: A name is bound more than once, or from outside of the script.
    """
    name = dotted(node)
    if name is None:
        return node
    if depth == 0:
        raise Unsure
    handed = _handed(script, node, name)
    if handed:
        found = [resolve(script, value, depth - 1) for value in handed]
        return only({id(value): value for value in found}.values())
    return resolve(script, only(assigned(script, node, name)), depth - 1)


def origin(script: Script, node: cst.BaseExpression) -> cst.Call | None:
    """The call that made what an expression stands for; None where that is not certain."""
    try:
        made = resolve(script, node)
    except Unsure:
        return None
    return made if isinstance(made, cst.Call) else None


def bindings(script: Script, name: str, within: cst.CSTNode | None = None) -> list[cst.CSTNode]:
    """Every place that binds a name anew: assignments, loops, `with … as`, walrus; not parameters and imports."""
    found: list[cst.CSTNode] = []
    for target in script.all(cst.AssignTarget, within):
        found += _matching(target.target, name)
    for kind, field in _TARGETS:
        for node in script.all(kind, within):
            found += _matching(getattr(node, field), name)
    return found


def assigned(script: Script, node: cst.CSTNode, name: str) -> list[cst.BaseExpression]:
    """The values that a name is given where it can be seen from a node."""
    places = [place for place in bindings(script, name) if _visible(script, place, node, name)]
    return [_value(script, place) for place in places]


def parameters(function: cst.FunctionDef) -> list[str]:
    """Names of a function's parameters, in order."""
    given = function.params
    return [item.name.value for item in (*given.posonly_params, *given.params, *given.kwonly_params)]


def calls_of(script: Script, function: cst.FunctionDef) -> list[cst.Call]:
    """The calls of a function by its name, or of a method as an attribute."""
    return [call for call in script.all(cst.Call) if called(call) == function.name.value]


def given(script: Script, function: cst.FunctionDef, parameter: str) -> list[cst.BaseExpression]:
    """What a parameter is given in each call, its default where it is not."""
    names = parameters(function)
    position = names.index(parameter)
    if isinstance(script.scope(function), cst.ClassDef):
        position -= 1
    values = (argument(call, parameter, position) for call in calls_of(script, function))
    default = next((p.default for p in _all(function) if p.name.value == parameter), None)
    return [value for value in (v if v is not None else default for v in values) if value is not None]


def visible(script: Script, name: str, at: cst.CSTNode) -> bool:
    """Whether a name means the same at a place as in the module, or in the one function around both.

    Args:
        script: The script.
        name: A name, with or without attributes.
        at: Where it is to be written down.
    """
    root = name.partition(".")[0]
    scope = script.scope(at)
    if root == "self":
        return isinstance(scope, cst.FunctionDef) and parameters(scope)[:1] == ["self"]
    return any(_visible(script, place, at, root) for place in bindings(script, root))


_TARGETS: tuple[tuple[type[cst.CSTNode], str], ...] = (
    (cst.AnnAssign, "target"),
    (cst.AugAssign, "target"),
    (cst.NamedExpr, "target"),
    (cst.For, "target"),
    (cst.CompFor, "target"),
    (cst.WithItem, "asname"),
)


def _matching(target: cst.CSTNode | None, name: str) -> Iterator[cst.CSTNode]:
    if isinstance(target, cst.AsName):
        target = target.name
    if isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from _matching(element.value, name)
    elif target is not None and dotted(target) == name:
        yield target


def _handed(script: Script, node: cst.CSTNode, name: str) -> list[cst.BaseExpression]:
    """What a parameter of the function around a node is given; empty for any other name."""
    function = script.scope(node)
    if not isinstance(function, cst.FunctionDef) or name not in parameters(function):
        return []
    if bindings(script, name, function.body) or name == "self":
        raise Unsure
    values = given(script, function, name)
    if not values:
        raise Unsure
    return values


def _visible(script: Script, place: cst.CSTNode, node: cst.CSTNode, name: str) -> bool:
    mine, here = script.scope(place), script.scope(node)
    if name.startswith("self."):
        return _class(script, place) is not None and _class(script, place) is _class(script, node)
    if mine is here or isinstance(mine, cst.Module):
        # A function's own name hides the module's.
        local = isinstance(here, cst.FunctionDef) and (
            name in parameters(here) or any(script.scope(b) is here for b in bindings(script, name, here))
        )
        return mine is here or not local
    return any(mine is held for held in script.above(node)) and not isinstance(mine, cst.ClassDef)


def _class(script: Script, node: cst.CSTNode) -> cst.ClassDef | None:
    return next((held for held in script.above(node) if isinstance(held, cst.ClassDef)), None)


def _value(script: Script, place: cst.CSTNode) -> cst.BaseExpression:
    """What is assigned to a target: its own part where several are unpacked."""
    path: list[int] = []
    held = script.parent(place)
    while isinstance(held, cst.Element | cst.Tuple | cst.List):
        if isinstance(held, cst.Tuple | cst.List):
            path.insert(0, next(i for i, e in enumerate(held.elements) if script.holds(e, place)))
        held = script.parent(held)
    if isinstance(held, cst.AssignTarget):
        held = script.parent(held)
    if not isinstance(held, cst.Assign | cst.AnnAssign | cst.NamedExpr) or held.value is None:
        raise Unsure
    value = held.value
    for index in path:
        if not isinstance(value, cst.Tuple | cst.List) or len(value.elements) <= index:
            raise Unsure
        value = value.elements[index].value
    return value


def _all(function: cst.FunctionDef) -> list[cst.Param]:
    given = function.params
    return [*given.posonly_params, *given.params, *given.kwonly_params]
