"""Every fact is made by a real training; each rule that reads facts fires on one, and not on its healthy twin."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rules.joint import loops, losses, models
from rules.joint.build import Joint, observe
from surefoot.facts import Fact
from surefoot.rules import Rule, all_rules, get_rule

JOINTS = (*losses.JOINTS, *loops.JOINTS, *models.JOINTS)
OWN = [made for made in all_rules() if made.group != "extension"]


def read_by(made: Rule) -> set[type[Fact]]:
    """The kinds of facts that a rule's module names."""
    named = vars(sys.modules[made.check.__module__]).values()
    return {value for value in named if isinstance(value, type) and issubclass(value, Fact) and value.kind}


@pytest.mark.parametrize("joint", JOINTS, ids=lambda joint: f"{joint.code}: {joint.name}")
def test_fires_on_the_fault_and_not_on_its_twin(joint: Joint, tmp_path: Path) -> None:
    rule = get_rule(joint.code)
    faulty, healthy = observe(tmp_path / "faulty", joint.faulty), observe(tmp_path / "healthy", joint.healthy)
    assert list(rule.findings(faulty)), f"silent; it reads {[k.kind for k in read_by(rule)]}"
    assert list(rule.findings(healthy)) == []
