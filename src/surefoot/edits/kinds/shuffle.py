"""`shuffle=True` of a training loader."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import argument, called, resolve
from surefoot.edits.script import Script, Unsure, only

# Calls around a loader that hand out its batches in its order.
WRAPPERS = ("enumerate", "tqdm", "trange", "track")


@answers("unshuffled-data", "shuffle")
def shuffle(place: Place) -> str:
    """Shuffle the loader that is made or iterated on the line."""
    call = loader_at(place.script, place.line)
    if any(argument(call, keyword) is not None for keyword in ("sampler", "batch_sampler")):
        raise Unsure
    value = argument(call, "shuffle", 2)
    if value is None:
        place.changes.argument(call, "shuffle=True")
    elif isinstance(value, cst.Name) and value.value == "False":
        place.changes.replace(value, "True")
    else:
        raise Unsure
    return "Shuffles the training data."


def loader_at(script: Script, line: int | None) -> cst.Call:
    """The call that makes the loader of a line: on it, or behind the loop that begins there."""
    made = [call for call in script.at(line, cst.Call) if called(call) == "DataLoader"]
    if made:
        return only(made)
    loop = only(loop for loop in script.all(cst.For) if script.begin(loop)[0] == line)
    source = loop.iter
    while isinstance(source, cst.Call) and called(source) in WRAPPERS and source.args:
        source = source.args[0].value
    found = resolve(script, source)
    if not isinstance(found, cst.Call) or called(found) != "DataLoader":
        raise Unsure
    return found
