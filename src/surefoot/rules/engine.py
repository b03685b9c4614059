"""Runs every rule over a history, folds what follows from what, and ranks the causes.

Pure: no file, no clock, no torch. A rule that raises is reported by name and harms nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from surefoot.facts import Defect, Processes, RangeTest, Ranks
from surefoot.records import SEVERITIES, Finding, History, Severity
from surefoot.rules.base import Rule
from surefoot.rules.ignoring import kept
from surefoot.rules.processes import merged
from surefoot.rules.registry import all_rules, defect, extension_defects


def diagnose(
    history: History, *, ignore: Iterable[str] = (), rules: Iterable[Rule] | None = None
) -> tuple[Finding, ...]:
    """Find what is wrong with a training, causes first.

    Args:
        history: All that was recorded so far; the run may still be going on.
        ignore: Codes not to report. What followed from an ignored finding is then reported by itself.
        rules: Which rules to run; all of them by default.

    Returns:
        Findings, the main one first. What follows from another finding is in that one's `consequences`, with
        `because` naming it; a cause is as grave as the gravest thing that follows from it. Defects of
        surefoot itself come last.

    Example:
        >>> from surefoot.records import Run
        >>> diagnose(History(Run(path="", name="", script="")))
        ()
    """
    if history.fact(RangeTest) is not None:
        return ()  # its rates are swept on purpose: it is no training
    if not history.others:
        return _of_one(history, ignore, rules)
    processes = history.fact(Processes)
    first = processes.trained[0].name if processes is not None and processes.trained else "script"
    histories = {first: history, **history.others}
    table = {made.code: made for made in (all_rules() if rules is None else rules)}
    of_all = {code for code, made in table.items() if Ranks in made.needs}  # one process compares for all
    found = merged({name: _of_one(each, ignore, rules) for name, each in histories.items()}, of_all)
    return tuple(sorted(found, key=lambda f: _rank(f, table)))


def _of_one(history: History, ignore: Iterable[str], rules: Iterable[Rule] | None) -> tuple[Finding, ...]:
    chosen = tuple(all_rules() if rules is None else rules)
    found: list[Finding] = []
    defects = list(extension_defects()) if rules is None else []
    for made in chosen:
        try:
            for finding in made.findings(history):
                found.append(finding)  # one by one: what was found before a fault is kept
        except (Exception, SystemExit) as fault:  # must not cost the user the other findings
            defects.append(defect(f"the rule {made.code}", fault))
    defects += [defect(f.subject, f.message) for f in history.facts(Defect)]
    table = {made.code: made for made in chosen}
    return (*fold(kept(history, found, ignore), table), *kept(history, defects, ignore))


def fold(findings: Iterable[Finding], rules: Mapping[str, Rule]) -> tuple[Finding, ...]:
    """Rank findings and put each under the first-ranked finding that it follows from.

    A finding that names its own causes (`because`) follows from those and no others; else its rule's
    `follows` say.
    """
    ranked = sorted(findings, key=lambda f: _rank(f, rules))
    codes = {f.code for f in ranked if _explains(f, rules)}
    causes = {f.code: [c for c in _causes(f, rules) if c in codes and c != f.code] for f in ranked}
    roots = [f for f in ranked if not causes[f.code]]
    if ranked and not roots:  # a ring of causes: break it at the first-ranked
        roots = [f for f in ranked if f.code == ranked[0].code]
    under: dict[int, list[Finding]] = {id(f): [] for f in roots}
    for finding in ranked:
        if any(finding is root for root in roots):
            continue
        reached = _origins(finding.code, causes)
        home = next((r for r in roots if r.code in reached), roots[0])
        under[id(home)].append(replace(finding, because=_because(finding, home, causes)))
    whole = [
        replace(r, consequences=tuple(under[id(r)]), severity=_gravest([r, *under[id(r)]])) for r in roots
    ]
    return tuple(sorted(whole, key=lambda f: _rank(f, rules)))


def _rank(finding: Finding, rules: Mapping[str, Rule]) -> tuple[int, int, float, int, int, str]:
    made = rules.get(finding.code)
    return (
        SEVERITIES.index(finding.severity),
        0 if made is not None and made.group == "wiring" else 1,  # what is seen before what is inferred
        -finding.confidence,
        -len(finding.consequences),
        finding.step or 0,
        finding.code,
    )


def _explains(finding: Finding, rules: Mapping[str, Rule]) -> bool:
    """Whether others may follow from it: what its rule says only in passing is behind nothing."""
    made = rules.get(finding.code)
    return made is None or SEVERITIES.index(finding.severity) <= SEVERITIES.index(made.explains)


def _causes(finding: Finding, rules: Mapping[str, Rule]) -> tuple[str, ...]:
    if finding.because:
        return finding.because
    made = rules.get(finding.code)
    return made.follows if made is not None else ()


def _origins(code: str, causes: Mapping[str, list[str]]) -> set[str]:
    """All codes from which `code` follows, directly or not."""
    seen: set[str] = set()
    todo = [code]
    while todo:
        for cause in causes[todo.pop()]:
            if cause not in seen:
                seen.add(cause)
                todo.append(cause)
    return seen


def _because(finding: Finding, home: Finding, causes: Mapping[str, list[str]]) -> tuple[str, ...]:
    direct = [c for c in causes[finding.code] if c == home.code or home.code in _origins(c, causes)]
    return tuple(sorted(direct, key=lambda c: c != home.code)) or (home.code,)


def _gravest(findings: Iterable[Finding]) -> Severity:
    return min((f.severity for f in findings), key=SEVERITIES.index)
