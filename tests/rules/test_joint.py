"""Every fact is made by a real training; each rule that reads facts fires on one, and not on its healthy twin."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from rules.joint import loops, losses, models, speed, tokens
from rules.joint.build import observe, train
from rules.joint.said import SAID, Said
from surefoot.capture import recorder
from surefoot.facts import KINDS, Fact, Processes, RangeTest
from surefoot.rules import Rule, all_rules, get_rule

JOINTS = (*losses.JOINTS, *loops.JOINTS, *models.JOINTS, *tokens.JOINTS, *speed.JOINTS)
OWN = [made for made in all_rules() if made.group != "extension"]
ELSEWHERE = {"ranks-diverged": "capture/test_ranks.py"}  # it takes two processes
# Made by every training, and by a command: what makes and reads them is tested there.
MADE_ELSEWHERE = {Processes: "capture/children/test_children.py", RangeTest: "cli/test_find_lr.py"}


def read_by(rule: Rule) -> set[type[Fact]]:
    """The kinds of facts that a rule's module names."""
    named = vars(sys.modules[rule.check.__module__]).values()
    return {value for value in named if isinstance(value, type) and issubclass(value, Fact) and value.kind}


@pytest.mark.parametrize("code", dict.fromkeys(joint.code for joint in JOINTS))
def test_fires_on_the_fault_and_not_on_its_twin(code: str, tmp_path: Path) -> None:
    rule, made = get_rule(code), set()
    for number, joint in enumerate(j for j in JOINTS if j.code == code):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch itself warns of some of the faults
            faulty = observe(tmp_path / f"{number} faulty", joint.faulty)
            healthy = observe(tmp_path / f"{number} healthy", joint.healthy)
        assert list(rule.findings(faulty)), f"silent on {joint.name!r}"
        assert not list(rule.findings(healthy)), f"fires on the healthy twin of {joint.name!r}"
        made |= {type(fact) for fact in (*faulty.all_facts, *healthy.all_facts)}
    assert read_by(rule) <= made, f"{code} reads facts that none of its trainings makes"


@pytest.mark.parametrize("said", SAID, ids=lambda said: said.kind.kind)
def test_what_no_rule_reads_is_said(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "FLUSH_SECONDS", 0.0)
    made = observe(tmp_path / "made", said.train, faults=True)
    assert made.facts(said.kind), sorted({fact.kind for fact in made.all_facts})
    assert said.says(made)
    usual = observe(tmp_path / "usual", train(steps=8))
    assert not usual.facts(said.kind)
    assert not said.says(usual)


def test_every_rule_that_reads_facts_has_a_training() -> None:
    fired = {joint.code for joint in JOINTS} | set(ELSEWHERE)
    lacking = {rule.code for rule in OWN if read_by(rule)} - fired
    assert not lacking, f"give {', '.join(sorted(lacking))} a row in tests/rules/joint/"
    for code, file in ELSEWHERE.items():
        assert f'"{code}"' in (Path(__file__).parents[1] / file).read_text(encoding="utf-8")


def test_every_kind_of_fact_is_made_by_a_training() -> None:
    """`test_fires…` sees to it that those that a rule reads are made by its trainings."""
    made = (
        {kind for rule in OWN for kind in read_by(rule)} | {said.kind for said in SAID} | set(MADE_ELSEWHERE)
    )
    lacking = {kind for kind in KINDS.values() if kind not in made}
    for kind, file in MADE_ELSEWHERE.items():
        assert kind.__name__ in (Path(__file__).parents[1] / file).read_text(encoding="utf-8")
    assert not lacking, f"give {sorted(kind.kind for kind in lacking)} a training in tests/rules/joint/"
