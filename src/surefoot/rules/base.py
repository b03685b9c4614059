"""What a rule is: a code, a page and a check, declared together by one decorator.

A check is a pure function from a `History` to drafts of findings, which its rule completes. Its docstring is its
page, its keyword defaults are its options. Rules import this module; nothing here knows any rule.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from surefoot.facts import Fact
from surefoot.records import SEVERITIES, Finding, History, Severity

HEADINGS = (
    "What it finds",
    "Why it matters",
    "Evidence shown",
    "What to try",
    "When to ignore it",
    "Source",
)
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
NEEDS = ("series:", "metric:", "parameter:", "activation:")
Need = str | type[Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a check yields: a finding without what its rule knows already, the code and how grave it is.

    Args:
        title: One plain sentence that says what is wrong here.
        fix: One sentence that says what to change.
        severity: Only if this finding is milder than the rule's gravest.
        step: Optimizer step at which it shows first; None for what holds from the start.
        evidence: The numbers that show it, JSON values.
        where: Parameter, module, or the script's own file and line with its text.
        confidence: How sure, in (0, 1].
        because: Codes of the findings that this one follows from, where it knows better than its rule's `follows`.
    """

    title: str
    fix: str
    severity: Severity | None = None
    step: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    where: str | None = None
    confidence: float = 1.0
    because: tuple[str, ...] = ()


Check = Callable[..., Iterable[Draft | Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        code: Its name for ever; never reused for anything else.
        severity: The gravest that its findings have.
        check: History to drafts of findings; raises nothing by design, and if it does the engine reports it.
        needs: What the history must hold for the check to run at all: a kind of fact (`Clearing`), "series:loss",
            "metric:val_loss", "parameter:update_norm", "activation:dead_share".
        since: Version of surefoot that brought it.
        follows: Codes of the faults that this one can be a consequence of.
        group: "wiring" (structure, seen once, sure), "dynamics" (series), or "extension" from elsewhere.
        explains: How grave a finding of it must be for others to follow from it.
    """

    code: str
    severity: Severity
    check: Check
    needs: tuple[Need, ...]
    since: str
    follows: tuple[str, ...]
    group: str
    explains: Severity = "information"

    @property
    def title(self) -> str:
        """First line of the page, without the full stop."""
        return self.page.splitlines()[0].rstrip(".")

    @property
    def page(self) -> str:
        """The check's docstring, unindented."""
        return inspect.getdoc(self.check) or ""

    @property
    def options(self) -> dict[str, Any]:
        """The check's keyword defaults by name."""
        parameters = inspect.signature(self.check).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}

    def has_needs(self, history: History) -> bool:
        """Whether `history` holds all that the check reads."""
        return all(_holds(history, need) for need in self.needs)

    def findings(self, history: History) -> Iterator[Finding]:
        """What the check finds; nothing if the history lacks what it needs.

        Raises:
            TypeError: the check gave what is neither a `Draft` nor a `Finding`.
            ValueError: it gave a finding of another rule's code, or a graver one than the rule declares.
        """
        if self.has_needs(history):
            for made in self.check(history):
                yield self._completed(made)

    def _completed(self, made: Draft | Finding) -> Finding:
        """`made` under this rule's name; rules of other packages are not type-checked, so all of it is checked."""
        if isinstance(made, Draft):
            made = Finding(
                self.code,
                made.severity or self.severity,
                made.title,
                made.fix,
                made.step,
                made.evidence,
                made.where,
                made.confidence,
                made.because,
            )
        if not isinstance(made, Finding):
            raise TypeError(f"it gave {made!r}, which is neither a Draft nor a Finding")
        if made.code != self.code:
            raise ValueError(f"it gave a finding of the code {made.code!r}, which is not its own")
        if made.severity not in SEVERITIES:
            raise ValueError(f"it gave the severity {made.severity!r}, not one of {', '.join(SEVERITIES)}")
        if SEVERITIES.index(made.severity) < SEVERITIES.index(self.severity):
            raise ValueError(f"it gave the severity {made.severity!r}, graver than its own {self.severity!r}")
        return made


def rule(
    code: str,
    *,
    severity: Severity,
    needs: tuple[Need, ...] = (),
    since: str,
    follows: tuple[str, ...] = (),
    explains: Severity = "information",
) -> Callable[[Check], Rule]:
    """Declare a check to be a rule.

    Args:
        code: Lower-case words joined by hyphens, named for the fault and not for the remedy.
        severity: The gravest that its findings have; theirs unless one says that it is milder.
        needs: See `Rule`.
        since: Version that brings it.
        follows: Codes of the faults that this one can be a consequence of; it is then folded under them.
        explains: How grave a finding of it must be for others to follow from it.

    Returns:
        A decorator that turns the check into a `Rule`.

    Raises:
        ValueError: the code, the severity, a need or the docstring's headings are not as they must be.

    Example:
        >>> from surefoot.records import Run
        >>> @rule("loss-is-seven", severity="information", needs=("series:loss",), since="0.1")
        ... def loss_is_seven(history, *, value=7.0):
        ...     '''A loss of exactly seven.
        ...
        ...     ## What it finds
        ...     Sevens.
        ...     ## Why it matters
        ...     It does not.
        ...     ## Evidence shown
        ...     The loss.
        ...     ## What to try
        ...     Nothing.
        ...     ## When to ignore it
        ...     Always.
        ...     ## Source
        ...     None.
        ...     '''
        ...     if value in history.series("loss").values:
        ...         yield Draft(title="The loss is seven.", fix="Leave it.")
        >>> loss_is_seven.options
        {'value': 7.0}
        >>> list(loss_is_seven.findings(History(Run(path="", name="", script=""))))
        []
    """

    def declare(check: Check) -> Rule:
        if not CODE.fullmatch(code):
            raise ValueError(f"rule code {code!r} is not lower-case words joined by hyphens")
        if severity not in SEVERITIES:
            raise ValueError(f"rule {code}: severity {severity!r} is not one of {', '.join(SEVERITIES)}")
        for need in needs:
            if isinstance(need, str) and not need.startswith(NEEDS):
                raise ValueError(f"rule {code}: need {need!r} starts with none of {', '.join(NEEDS)}")
        made = Rule(code, severity, check, needs, since, follows, _group(check), explains)
        missing = [h for h in HEADINGS if f"## {h}" not in made.page]
        if missing:
            raise ValueError(f"rule {code}: its page lacks the heading {missing[0]!r}")
        return made

    return declare


def _group(check: Check) -> str:
    parts = check.__module__.split(".")
    inside = parts[:2] == ["surefoot", "rules"] and len(parts) > 3
    return parts[2] if inside else "extension"


def _holds(history: History, need: Need) -> bool:
    if not isinstance(need, str):
        return bool(history.facts(need))
    kind, _, name = need.partition(":")
    if kind == "series":
        return any(key[0] == name and len(series) for key, series in history.step_series.items())
    if kind == "metric":
        return len(history.metric(name)) > 0
    if kind == "parameter":
        return len(history.parameter_layer(name)) > 0
    return len(history.activation_layer(name)) > 0
