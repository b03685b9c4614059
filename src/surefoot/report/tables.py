"""What the page says in figures and tables: the headline figures and the facts by kind."""

from __future__ import annotations

from collections.abc import Iterable

from surefoot.errors import UnknownRule
from surefoot.facts import KINDS, Fact, UnknownFact
from surefoot.records import Finding, History
from surefoot.report.json import clip_rate, ends, spread, unobserved_threads
from surefoot.report.numbers import duration, number, share
from surefoot.report.places import optimizer_labels
from surefoot.report.text import elapsed
from surefoot.rules import get_rule


def figures(history: History) -> list[tuple[str, str, str]]:
    """Headline figures as (name, figure, remark); those never recorded are left out."""
    run = history.run
    said = [("steps", number(run.steps), "")]
    seconds = elapsed(history)
    if seconds is not None:
        pace = f"{number(run.steps / seconds)} steps/s" if run.steps and seconds > 0 else ""
        said.append(("time", duration(seconds), pace))
    losses = [
        (f"loss {label}".strip(), history.series("loss", i)) for i, label in optimizer_labels(history).items()
    ]
    for name, series in [*losses, ("validation loss", history.metric("val_loss"))]:
        course = ends(series)
        if course["first"] is not None and course["last"] is not None:
            best = "" if course["best"] is None else f", best {number(course['best'])}"
            said.append((name, number(course["last"]), f"from {number(course['first'])}{best}"))
    norm = spread(history.series("grad_norm"))
    if norm["median"] is not None and norm["max"] is not None:
        said.append(("gradient norm", number(norm["median"]), f"median; largest {number(norm['max'])}"))
    rate = clip_rate(history)
    if rate is not None:
        said.append(("clipped", share(rate), "of the steps"))
    others = unobserved_threads(history)
    if others:
        said.append(("other threads", number(others), "trained unobserved"))
    entries = sum(parameter.numel for parameter in history.parameters)
    if entries:
        tensors = len(history.parameters)
        said.append(
            ("parameters", number(entries), f"in {number(tensors)} tensor{'s' if tensors > 1 else ''}")
        )
    return said


def behind(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Question of a kind of fact -> codes of the findings, folded ones too, whose rules read it."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        try:
            needs = get_rule(finding.code).needs
        except UnknownRule:  # of a package that is not installed here
            needs = ()
        for need in needs:
            if not isinstance(need, str):
                found.setdefault(need.question, []).append(finding.code)
        for question, codes in behind(finding.consequences).items():
            found.setdefault(question, []).extend(codes)
    return found


def fact_groups(history: History) -> list[tuple[str, list[Fact]]]:
    """Facts by kind, (question, facts), in the order of their declaration; kinds unknown here come last."""
    known = [(made.question, list(history.facts(made))) for made in KINDS.values()]
    others: dict[str, list[Fact]] = {}
    for fact in history.facts(UnknownFact):
        others.setdefault(fact.name, []).append(fact)
    return [(question, facts) for question, facts in [*known, *sorted(others.items())] if facts]
