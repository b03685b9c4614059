"""A schedule that steps before its optimizer."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.kinds import Place, answers
from surefoot.edits.names import called
from surefoot.edits.script import Script, Statement, Unsure, only
from surefoot.edits.training import expression_statement, steps, straight


@answers("scheduler-order", "scheduler-after-optimizer")
def step_behind_optimizer(place: Place) -> str:
    """Move a schedule's step behind the next statement that steps the optimizer."""
    script = place.script
    call = only(c for c in script.at(place.line, cst.Call) if called(c) == "step")
    statement = expression_statement(script, call)
    block = script.block(statement)
    later = block[next(i for i, s in enumerate(block) if s is statement) + 1 :]
    target = next((item for item in later if _steps(script, item)), None)
    if target is None or not script.loops(call):
        raise Unsure
    if isinstance(target, cst.If):
        raise Unsure
    if any(_reads_rate(script, item) for item in later[: later.index(target) + 1]):
        raise Unsure
    place.changes.move_after(statement, _updated(script, later, target))
    return "Steps the schedule behind the optimizer."


def _steps(script: Script, statement: Statement) -> bool:
    return any(straight(script, c, statement) for c in steps(script, statement)) or any(
        script.statement(c) is statement for c in steps(script, script.module)
    )


def _updated(script: Script, later: list[Statement], target: Statement) -> Statement:
    """The scaler's update that follows a step at once, else the step."""
    following = later[later.index(target) + 1 :][:1]
    calls = [c for item in following if isinstance(item, cst.Expr) for c in script.all(cst.Call, item)]
    return following[0] if any(called(c) == "update" for c in calls) else target


def _reads_rate(script: Script, statement: Statement) -> bool:
    names = {"get_last_lr", "get_lr"}
    return any(called(call) in names for call in script.all(cst.Call, statement))
