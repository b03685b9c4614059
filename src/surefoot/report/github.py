"""Findings as annotations of a GitHub workflow: they appear at the script's lines in the pull request.

Source: GitHub's documentation, "Workflow commands for GitHub Actions": error, warning and notice messages.
"""

from collections.abc import Sequence

from surefoot.records import Finding, History, Severity
from surefoot.report.json import folded
from surefoot.report.numbers import value
from surefoot.report.places import place
from surefoot.report.suggestions import suggestion

_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "information": "notice"}


def annotations(history: History, findings: Sequence[Finding]) -> list[str]:
    """One workflow command for each main finding, to be printed on standard output.

    Args:
        history: The run; its script is where findings without a line are put.
        findings: As the rules engine gives them.

    Example:
        >>> from surefoot.records import Run
        >>> run = Run(path="", name="", script="train.py")
        >>> finding = Finding("missing-step", "error", "No step.", "Call it.", where="train.py:41: f()")
        >>> annotations(History(run), (finding,))
        ['::error file=train.py,line=41,title=surefoot missing-step::No step.%0AFix: Call it.']
    """
    return [_annotation(history, finding) for finding in findings]


def _annotation(history: History, finding: Finding) -> str:
    file, line = place(finding.where or "") or (history.run.script, None)
    properties = {"file": file, "line": line, "title": f"surefoot {finding.code}"}
    said = [finding.title, f"Fix: {finding.fix}"]
    if finding.where and line is None:
        said.append(f"Where: {finding.where}")
    if finding.evidence:
        said.append(f"Evidence: {value(finding.evidence)}")
    edited = suggestion(history, finding)
    if edited is not None:
        said += [f"Edit: {edited.what}", *edited.changed]
    if finding.consequences:
        said += [f"Explains also {below.code}: {below.title}" for below in folded(finding)]
    given = ",".join(f"{key}={_property(str(item))}" for key, item in properties.items() if item is not None)
    return f"::{_COMMANDS[finding.severity]} {given}::{_message(chr(10).join(said))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
