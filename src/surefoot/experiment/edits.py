"""The edit of a script that does what the fixes that helped did."""

from __future__ import annotations

from surefoot.edits import Edit, Wanted, edit_all
from surefoot.edits.details import details
from surefoot.experiment.records import TriedFixes
from surefoot.records import Run
from surefoot.remedies.base import Proposal
from surefoot.report.places import script_line


def edit_of(found: TriedFixes, source: str, script: str) -> tuple[Edit | None, list[Proposal]]:
    """One edit for all fixes that help together.

    Args:
        found: What was tried.
        source: The script's text as it ran.
        script: Its file.

    Returns:
        The edit, None where none is certain; and the fixes that have none.

    Raises:
        MissingExtra: LibCST is not installed.
    """
    fixes = found.best.fixes if found.best is not None else ()
    wanted = [_wanted(found, fix, script) for fix in fixes]
    made, left = edit_all(source, wanted)
    return made, [fix for fix, each in zip(fixes, wanted, strict=True) if any(each is one for one in left)]


def _wanted(found: TriedFixes, fix: Proposal, script: str) -> Wanted:
    line = script_line(fix.where or "", Run(path="", name="", script=script))
    same = (each for each in found.findings if each.code == fix.code and each.where == fix.where)
    known = next((details(each) for each in same), {})
    return Wanted(fix.remedy, line, {**known, **fix.details})
