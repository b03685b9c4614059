"""The table of rules: complete, acyclic, documented, extensible."""

from __future__ import annotations

import re
import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from surefoot.errors import UnknownRule
from surefoot.records import Finding
from surefoot.rules import Rule, all_rules, diagnose, explain, get_rule, registry, rule
from surefoot.rules.base import HEADINGS
from surefoot.rules.retired import RETIRED

RULES = all_rules()
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CASES = ("test_fires", "test_quiet", "test_near_miss")


@pytest.mark.parametrize("made", RULES, ids=lambda r: r.code)
def test_each_rule_has_its_file_its_page_and_its_three_tests(made: Rule) -> None:
    module = made.code.replace("-", "_")
    assert made.check.__module__ == f"surefoot.rules.{made.group}.{module}"
    file = HERE / made.group / f"test_{module}.py"
    text = file.read_text() if file.exists() else ""
    lacking = [test for test in CASES if f"def {test}(" not in text]
    where = file.relative_to(ROOT)
    assert not lacking, f"the rule {made.code} lacks tests: give it {where} with {', '.join(lacking)}"
    assert f'found("{made.code}"' in text, f'{where} never asks the rule: found("{made.code}", Training()…)'


@pytest.mark.parametrize("made", RULES, ids=lambda r: r.code)
def test_each_page_has_its_headings_in_order_and_text_under_each(made: Rule) -> None:
    assert [h[3:] for h in made.page.splitlines() if h.startswith("## ")] == list(HEADINGS)
    for section in re.split(r"^## .*$", made.page, flags=re.M)[1:]:
        assert len(section.split()) >= 4
    assert made.page.splitlines()[0].endswith(".")


@pytest.mark.parametrize("made", RULES, ids=lambda r: r.code)
def test_each_option_is_explained_on_the_page(made: Rule) -> None:
    """A threshold without its reasoning is a guess."""
    silent = [name for name in made.options if f"`{name}`" not in made.page]
    assert not silent, f"{made.code}: {silent} not on its page"


def test_what_follows_from_what_has_no_ring_and_no_unknown_code() -> None:
    follows = {r.code: set(r.follows) for r in RULES}
    assert set().union(*follows.values()) <= set(follows)
    while follows:
        free = [code for code, causes in follows.items() if not causes & set(follows)]
        assert free, f"a ring among {sorted(follows)}"
        for code in free:
            del follows[code]


def test_retired_codes_never_return() -> None:
    assert not {r.code for r in RULES} & set(RETIRED)


def test_unknown_rule_suggests_the_nearest() -> None:
    with pytest.raises(UnknownRule, match="missing-zero-grad"):
        get_rule("missing_zero_grads")
    with pytest.raises(UnknownRule, match="lists them all"):
        explain("xyzzy")


def test_retired_rule_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETIRED, "loss-is-odd", ("0.3", "read `plateau` instead"))
    with pytest.raises(UnknownRule, match=r"retired in surefoot 0\.3; read `plateau`"):
        get_rule("loss-is-odd")


def test_no_torch() -> None:
    import subprocess

    program = "import sys, surefoot.rules as r; r.all_rules(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


PAGE = """A loss of seven.

    ## What it finds
    ## Why it matters
    ## Evidence shown
    ## What to try
    ## When to ignore it
    ## Source
"""


def _extension(code: str) -> Rule:
    def check(history):  # type: ignore[no-untyped-def]
        yield Finding(code, "warning", "Found.", "Mend it.")

    check.__doc__ = PAGE
    return rule(code, severity="warning", since="1.0")(check)


@pytest.fixture
def extensions(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def install(**members: object) -> None:
        module = types.ModuleType("acme_rules")
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, "acme_rules", module)
        entry = EntryPoint("acme", "acme_rules", "surefoot.rules")
        monkeypatch.setattr(registry, "entry_points", lambda group: [entry])
        registry._table.cache_clear()

    yield install
    monkeypatch.undo()
    registry._table.cache_clear()


def test_rules_of_ones_own_by_entry_point(extensions) -> None:  # type: ignore[no-untyped-def]
    extensions(seven=_extension("acme-seven"))
    assert get_rule("acme-seven").group == "extension"
    assert [f.code for f in diagnose(_nothing())] == ["acme-seven"]


@pytest.mark.parametrize("code", ["missing-step", None])
def test_an_extension_that_does_not_fit_is_a_defect(extensions, code) -> None:  # type: ignore[no-untyped-def]
    extensions(**({"stolen": _extension(code)} if code else {}))
    assert len(all_rules()) == len(RULES)
    (only,) = diagnose(_nothing())
    assert only.code == "defect"
    assert "acme" in only.title


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"code": "Loss_Is_Seven"}, "hyphens"),
        ({"severity": "fatal"}, "severity"),
        ({"needs": ("loss",)}, "need"),
    ],
)
def test_a_rule_declared_wrongly_is_refused(wrong: dict[str, object], message: str) -> None:
    def check(history):  # type: ignore[no-untyped-def]
        return []

    check.__doc__ = PAGE
    right = {"code": "loss-is-seven", "severity": "warning", "since": "1.0"}
    with pytest.raises(ValueError, match=message):
        rule(**{**right, **wrong})(check)  # type: ignore[arg-type]
    check.__doc__ = "A loss of seven."
    with pytest.raises(ValueError, match="What it finds"):
        rule(**right)(check)  # type: ignore[arg-type]


def _nothing():  # type: ignore[no-untyped-def]
    from surefoot.records import History, Run

    return History(Run(path="", name="", script=""))
