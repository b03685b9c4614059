"""Annotations of a GitHub workflow."""

import re
from urllib.parse import unquote

from report import histories
from surefoot.records import Finding, History, Run
from surefoot.report.github import annotations

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::([^\r\n]*)")


def parsed(line):
    """(command, properties, message), read back as GitHub does."""
    command, properties, message = COMMAND.fullmatch(line).groups()
    pairs = (pair.split("=", 1) for pair in properties.split(","))
    return command, {key: unquote(value) for key, value in pairs}, unquote(message)


def test_a_finding_stands_at_its_line():
    lines = annotations(histories.diverged(), (histories.TOO_HIGH, histories.DEAD))
    command, properties, message = parsed(lines[0])
    assert command == "error"
    assert properties == {"file": "examples/digits.py", "line": "23", "title": "surefoot lr-too-high"}
    assert message.splitlines() == [
        histories.TOO_HIGH.title,
        f"Fix: {histories.TOO_HIGH.fix}",
        "Evidence: loss before 1.8, loss after 950, lr 1, place examples/digits.py:23",
        f"Explains also exploding-gradient: {histories.EXPLODING.title}",
    ]


def test_a_finding_without_a_line_stands_at_the_script():
    command, properties, message = parsed(annotations(histories.diverged(), (histories.DEAD,))[0])
    assert command == "warning"
    assert properties == {"file": "examples/digits.py", "title": "surefoot dead-units"}
    assert "Where: relu after conv2.weight" in message


def test_text_cannot_forge_a_second_command():
    hostile = Finding("a,b:c", "information", "100 %\n::error::owned\r", "x")
    (line,) = annotations(History(Run("", "", "t.py")), (hostile,))
    command, properties, message = parsed(line)
    assert command == "notice"
    assert properties["title"] == "surefoot a,b:c"
    assert message == "100 %\n::error::owned\r\nFix: x"
