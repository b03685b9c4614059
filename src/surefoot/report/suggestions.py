"""The edit of the script that a finding asks for, where both are certain."""

from __future__ import annotations

from surefoot.edits import Edit, edit
from surefoot.edits.details import details
from surefoot.errors import MissingExtra
from surefoot.records import Finding, History
from surefoot.report.places import script_line

# Rules say 0.9 and more where one thing alone explains what they saw, 0.8 and less where another might.
CERTAIN = 0.9


def suggestion(history: History, finding: Finding) -> Edit | None:
    """The edit of the script that does what a finding's fix says.

    Args:
        history: The run, which holds the script's text as it ran.
        finding: One of its findings.

    Returns:
        The edit; None where the finding or its place is not certain, and without LibCST.

    Example:
        >>> from surefoot.records import Run
        >>> finding = Finding("missing-step", "error", "No step.", "Call it.", where="other.py:3")
        >>> print(suggestion(History(Run(path="", name="", script="train.py")), finding))
        None
    """
    line = script_line(finding.where or "", history.run)
    if line is None or finding.confidence < CERTAIN or not history.run.source:
        return None
    try:
        return edit(history.run.source, finding.code, line, **details(finding))
    except MissingExtra:
        return None
