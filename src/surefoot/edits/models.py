"""Models in a script's text: whose parameters an optimizer has, and what a call calls."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.names import argument, bindings, called, dotted, given, named, origin, parameters, visible
from surefoot.edits.script import Script, Unsure, only

# Who has these methods is a model.
_METHODS = ("parameters", "named_parameters", "train", "eval", "state_dict", "load_state_dict")


def model_of(script: Script, optimizer: cst.BaseExpression, at: cst.CSTNode) -> str:
    """The model whose parameters, all and alone, an optimizer was made of.

    Args:
        script: The script.
        optimizer: Its name where it is stepped.
        at: Where the model's name is to be written down.

    Returns:
        Its name there.

    Raises:
        Unsure: It has no name there, or more than one model could be meant.
    """
    made = origin(script, optimizer)
    params = argument(made, "params", 0) if made is not None else None
    if made is None or not isinstance(params, cst.Call) or called(params) != "parameters" or params.args:
        raise Unsure
    model = named(params.func.value) if isinstance(params.func, cst.Attribute) else ""
    handed = handed_as(script, model, at)
    if handed is not None:
        return handed
    home = script.scope(made)
    if home is script.scope(at):
        return model
    if not (isinstance(home, cst.Module) or model.startswith("self.")) or not visible(script, model, at):
        raise Unsure
    if not model.startswith("self.") and len(bindings(script, model)) != 1:
        raise Unsure
    return model


def handed_as(script: Script, name: str, at: cst.CSTNode) -> str | None:
    """The parameter of the function around a place that is given a name in every call."""
    function = script.scope(at)
    if not isinstance(function, cst.FunctionDef) or name in parameters(function):
        return None
    for parameter in parameters(function):
        values = given(script, function, parameter) if parameter != "self" else []
        if values and all(dotted(value) == name for value in values):
            return parameter
    return None


def models_called(script: Script, within: cst.CSTNode) -> list[str]:
    """Names of models that are called in a part of the script, each once."""
    known = {
        dotted(c.func.value)
        for c in script.all(cst.Call)
        if isinstance(c.func, cst.Attribute) and called(c) in _METHODS
    }
    names = [dotted(call.func) for call in script.all(cst.Call, within)]
    found = [
        name for name in names if name is not None and (name in known or _made_here(script, name, within))
    ]
    return list(dict.fromkeys(found))


def model_called(script: Script, line: int | None) -> tuple[str, cst.Call]:
    """The only model that is called on a line, and its call."""
    calls = script.at(line, cst.Call)
    found = {dotted(c.func): c for c in reversed(calls) if dotted(c.func) in models_called(script, c)}
    name, call = only(found.items())
    return named(call.func) if name is None else name, call


def _made_here(script: Script, name: str, within: cst.CSTNode) -> bool:
    """Whether it was made by a class of the script's own that has a `forward`, or is a Sequential."""
    calls = (call for call in script.all(cst.Call, within) if dotted(call.func) == name)
    made = (origin(script, call.func) for call in calls)
    return any(m is not None and (called(m) == "Sequential" or called(m) in _classes(script)) for m in made)


def _classes(script: Script) -> set[str]:
    functions = (f for f in script.all(cst.FunctionDef) if f.name.value == "forward")
    return {held.name.value for held in map(script.scope, functions) if isinstance(held, cst.ClassDef)}
