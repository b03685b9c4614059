"""An optimizer that is made once, not in each round of a loop."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.kinds.numbers import optimizer_at
from surefoot.edits.names import bindings, dotted
from surefoot.edits.script import Loop, Script, Statement, Unsure


@answers("optimizer-recreated", "keep-optimizer")
def make_in_front_of_loop(place: Place) -> str:
    """Move what makes an optimizer in front of the outermost loop that binds nothing of what it is made of."""
    script = place.script
    call = optimizer_at(script, place.line)
    statement = script.statement(call)
    if not isinstance(statement, cst.Assign) or statement.value is not call or len(statement.targets) != 1:
        raise Unsure
    name = dotted(statement.targets[0].target)
    free = [loop for loop in script.loops(call) if _independent(script, loop, statement, name)]
    if name is None or not free or free[0] is not script.loops(call)[0]:
        raise Unsure
    if any(place is not statement.targets[0].target for place in bindings(script, name, free[-1])):
        raise Unsure
    place.changes.move_before(statement, free[-1])
    return f"Makes {name} once, in front of the loop."


def _independent(script: Script, loop: Loop, statement: Statement, name: str | None) -> bool:
    """Whether all that a statement reads is what it was in front of the loop."""
    names = {dotted(node) for node in script.all(cst.Name, statement)}
    names |= {dotted(node) for node in script.all(cst.Attribute, statement)}
    return not any(bindings(script, read, loop) for read in names if read is not None and read != name)
