"""What the user asked not to hear of: by code, or by a comment on the line concerned.

`# surefoot: ignore[CODE, CODE]` on a line silences those findings about that line; `# surefoot: ignore`
silences all of them; `# surefoot: ignore-file[CODE]` anywhere silences the code for the whole script.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

from surefoot.records import Finding, History

COMMENT = re.compile(r"#\s*surefoot:\s*ignore(?P<file>-file)?(?:\[(?P<codes>[^\]]*)\])?")
PLACE = re.compile(r"(?P<file>[^\s:()]+\.pyw?):(?P<line>\d+)")


def kept(history: History, findings: Iterable[Finding], ignore: Iterable[str] = ()) -> list[Finding]:
    """The findings that are left after `ignore` and the script's comments.

    Example:
        >>> from surefoot.records import Run
        >>> run = Run(path="", name="", script="t.py", source="a\\nstep()  # surefoot: ignore[lr-too-high]")
        >>> found = Finding("lr-too-high", "warning", "", "", where="t.py:2: step()")
        >>> kept(History(run), [found])
        []
    """
    unwanted = {code.strip().lower() for code in ignore}
    lines = history.run.source.splitlines()
    for line in lines:
        comment = COMMENT.search(line)
        if comment and comment["file"] and comment["codes"]:
            unwanted |= _codes(comment["codes"])
    return [f for f in findings if f.code not in unwanted and not _silenced(history, lines, f)]


def _silenced(history: History, lines: list[str], finding: Finding) -> bool:
    for text in _lines_about(history, lines, finding):
        comment = COMMENT.search(text)
        if (
            comment
            and not comment["file"]
            and (not comment["codes"] or finding.code in _codes(comment["codes"]))
        ):
            return True
    return False


def _lines_about(history: History, lines: list[str], finding: Finding) -> list[str]:
    about = [finding.where or "", *(str(v) for k, v in finding.evidence.items() if k.endswith("place"))]
    script = PurePath(history.run.script).name
    for place in PLACE.finditer("\n".join(about)):
        number = int(place["line"])
        if PurePath(place["file"]).name == script and 0 < number <= len(lines):
            about.append(lines[number - 1])
    return about


def _codes(text: str) -> set[str]:
    return {code.strip().lower() for code in text.split(",")}
