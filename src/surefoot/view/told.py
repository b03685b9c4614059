"""What a run says, as pieces that a page puts into elements: text, lists and pairs, never markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from pygments.lexers import PythonLexer
from pygments.token import STANDARD_TYPES

from surefoot.errors import UnknownRule
from surefoot.records import Finding, Run
from surefoot.report.numbers import value, words
from surefoot.report.places import finding_lines
from surefoot.rules import get_rule

_SHORT = 7  # items of a list that stands on one line

# What a rule reads -> charts that show it.
_SHOWN_BY = {
    "series:loss": "loss",
    "metric:val_loss": "loss",
    "series:grad_norm": "grad-norm",
    "parameter:grad_norm": "grad-norm",
    "series:lr": "lr",
    "parameter:update_norm": "update-ratio",
    "parameter:param_norm": "update-ratio",
    "ClipCall": "grad-norm",
}


def told(item: Any) -> Any:
    """A JSON value: a text, {"pairs": [[name, told]]} or {"items": [text]}.

    Example:
        >>> told({"first_step": 3, "norms": [1.5, 2.0]})
        {'pairs': [['first step', '3'], ['norms', '[1.5, 2]']]}
    """
    if isinstance(item, Mapping) and item:
        return {"pairs": [[words(str(key)), told(part)] for key, part in item.items()]}
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) > _SHORT:
        return {"items": [value(part) for part in item]}
    return value(item)


def finding_of(finding: Finding, place: int, run: Run) -> dict[str, Any]:
    """A finding with the charts and the lines that it speaks of.

    Args:
        finding: Which.
        place: Its number, from 1.
        run: Whose.
    """
    return {
        "number": place,
        "code": finding.code,
        "severity": finding.severity,
        "title": finding.title,
        "fix": finding.fix,
        "step": finding.step,
        "confidence": finding.confidence,
        "where": finding.where,
        "lines": finding_lines(finding, run),
        "evidence": told(finding.evidence) if finding.evidence else None,
        "charts": sorted(_charts(finding)),
        "explains": [{"code": other.code, "title": other.title} for other in _folded(finding)],
        "about": about(finding.code),
    }


def _charts(finding: Finding) -> set[str]:
    """Of the loss always: what a fault does to the training shows there."""
    try:
        needs = get_rule(finding.code).needs
    except UnknownRule:  # of a package that is not installed here
        needs = ()
    names = (need if isinstance(need, str) else need.__name__ for need in needs)
    shown = {_SHOWN_BY[name] for name in names if name in _SHOWN_BY}
    return {"loss"}.union(shown, *(_charts(other) for other in finding.consequences))


def _folded(finding: Finding) -> list[Finding]:
    return [one for other in finding.consequences for one in (other, *_folded(other))]


def about(code: str) -> list[list[str]]:
    """A rule's page as [kind, text], kind being "heading", "text" or "item"; its first line, the title, left out.

    Example:
        >>> about("missing-zero-grad")[0], about("never-a-rule")
        (['heading', 'What it finds'], [])
    """
    try:
        page = get_rule(code).page
    except UnknownRule:
        return []
    found: list[list[str]] = []
    kind = "text"
    for token in MarkdownIt("commonmark").parse(page.partition("\n")[2]):
        if token.type in ("heading_open", "list_item_open"):
            kind = "heading" if token.type == "heading_open" else "item"
        elif token.type in ("heading_close", "list_item_close"):
            kind = "text"
        elif token.type in ("inline", "fence", "code_block"):
            found.append([kind if token.type == "inline" else "code", token.content])
    return found


def source_of(text: str) -> list[list[list[str]]]:
    """A script as lines of [class, text], by Pygments' short class names.

    Example:
        >>> source_of("x = 1\\n")
        [[['n', 'x'], ['', ' '], ['o', '='], ['', ' '], ['mi', '1']]]
    """
    lines: list[list[list[str]]] = [[]]
    for kind, part in PythonLexer(stripnl=False, ensurenl=True).get_tokens(text):
        name = STANDARD_TYPES.get(kind, "")
        first, *rest = part.split("\n")
        for at, piece in enumerate((first, *rest)):
            if at:
                lines.append([])
            if piece:
                lines[-1].append(["" if name == "w" else name, piece])
    return lines[:-1] if not lines[-1] else lines
