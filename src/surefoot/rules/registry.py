"""The table of rules, found by walking `wiring` and `dynamics` and the entry points of other packages.

To add a rule, add its file: nothing else names it.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from surefoot.errors import UnknownRule
from surefoot.records import Finding
from surefoot.rules.base import Rule
from surefoot.rules.retired import RETIRED

GROUPS = ("wiring", "dynamics")
ENTRY_POINTS = "surefoot.rules"


@cache
def _table() -> tuple[MappingProxyType[str, Rule], tuple[Finding, ...]]:
    rules = {made.code: made for group in GROUPS for made in _walk(group)}
    faults = []
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            rules.update(_checked(entry, rules))
        except (Exception, SystemExit) as fault:  # one that cannot be loaded must not stop the others
            faults.append(defect(f"the extension {entry.name!r}", fault))
    return MappingProxyType(rules), tuple(faults)


def _walk(group: str) -> Iterator[Rule]:
    package = importlib.import_module(f"surefoot.rules.{group}")
    for module in sorted(m.name for m in pkgutil.iter_modules(package.__path__)):
        yield from _rules_in(importlib.import_module(f"{package.__name__}.{module}"))


def _rules_in(module: object) -> Iterable[Rule]:
    return [value for value in vars(module).values() if isinstance(value, Rule)]


def _checked(entry: EntryPoint, known: dict[str, Rule]) -> dict[str, Rule]:
    loaded = entry.load()
    rules = [loaded] if isinstance(loaded, Rule) else list(_rules_in(loaded))
    if not rules:
        raise TypeError(f"{entry.value} is neither a rule nor a module that holds one")
    for made in rules:
        if made.code in known or made.code in RETIRED:
            raise ValueError(f"the code {made.code!r} is taken")
    return {made.code: made for made in rules}


def all_rules() -> tuple[Rule, ...]:
    """Every rule, in alphabetical order of its code.

    Example:
        >>> "missing-zero-grad" in [rule.code for rule in all_rules()]
        True
    """
    rules, _ = _table()
    return tuple(rules[code] for code in sorted(rules))


def extension_defects() -> tuple[Finding, ...]:
    """One finding for each extension that could not be loaded."""
    return _table()[1]


def get_rule(code: str) -> Rule:
    """The rule of a code.

    Raises:
        UnknownRule: there is none; the message names the nearest ones, or says when it was retired.

    Example:
        >>> get_rule("missing-step").severity
        'error'
        >>> get_rule("mising-step")
        Traceback (most recent call last):
            ...
        surefoot.errors.UnknownRule: no rule is called 'mising-step'; did you mean missing-step?
    """
    rules, _ = _table()
    if code in rules:
        return rules[code]
    if code in RETIRED:
        version, instead = RETIRED[code]
        raise UnknownRule(f"the rule {code!r} was retired in surefoot {version}; {instead}")
    near = difflib.get_close_matches(code.lower().replace("_", "-"), rules, n=3, cutoff=0.6)
    near = near or [known for known in rules if code.lower() in known][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else "`surefoot explain` lists them all"
    raise UnknownRule(f"no rule is called {code!r}; {hint}")


def explain(code: str) -> str:
    """The page of a rule as Markdown.

    Raises:
        UnknownRule: there is no such rule.

    Example:
        >>> print(explain("missing-step").splitlines()[0])
        # missing-step
    """
    made = get_rule(code)
    first, _, rest = made.page.partition("\n")
    kind = f"{made.severity} · {made.group} · since {made.since}"
    lines = [f"# {made.code}", "", first, "", f"*{kind}*", "", rest.strip(), ""]
    if made.options:
        lines += ["## Options", "", *(f"- `{k}` = {v!r}" for k, v in made.options.items()), ""]
    if made.follows:
        lines += ["## Can follow from", "", ", ".join(f"`{c}`" for c in sorted(made.follows)), ""]
    return "\n".join(lines)


def defect(part: str, fault: object) -> Finding:
    """The finding that reports a fault of surefoot's own, or of an extension."""
    text = f"{type(fault).__name__}: {fault}" if isinstance(fault, BaseException) else str(fault)
    return Finding(
        code="defect",
        severity="information",
        title=f"A fault of the observer, not of the training: {part} failed ({text}).",
        fix="Nothing in the training needs a change; please report this fault with its text.",
        evidence={"part": part, "fault": text},
    )
