"""What the processes of one training were found to have, as one list."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from surefoot.records import Finding


def merged(found: Mapping[str, Sequence[Finding]], of_all: Collection[str] = ()) -> list[Finding]:
    """Each finding once; one that not all processes have says which have it.

    Args:
        found: Findings by process.
        of_all: Codes of findings that are about all processes, whoever has them.

    Example:
        >>> one = Finding("nonfinite-loss", "error", "The loss is NaN.", "Look at the batch.")
        >>> [finding.title for finding in merged({"rank-0": [], "rank-1": [one]})]
        ['On rank-1: The loss is NaN.']
    """
    having: dict[str, list[str]] = {}
    for name, findings in found.items():
        for code in dict.fromkeys(finding.code for finding in findings):
            having.setdefault(code, []).append(name)
    made = []
    for code, names in having.items():
        of_first = [finding for finding in found[names[0]] if finding.code == code]
        whole = len(names) == len(found) or code in of_all
        made += of_first if whole else [_named(finding, names) for finding in of_first]
    return made


def _named(finding: Finding, names: Sequence[str]) -> Finding:
    said = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    return replace(finding, title=f"On {said}: {finding.title}")
