"""Tests of the rule `teacher-in-train-mode`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import Teacher


def taught(**said: Any) -> Training:
    usual = {"class_name": "Net", "asked": 40, "in_train": 40, "modules": ["drop"], "changed": False}
    return Training().fact(Teacher, "Net 0", **{**usual, **said})


def test_fires() -> None:
    finding = found("teacher-in-train-mode", taught())[0]
    assert finding.title == "Net is asked and not trained, and is in train mode (drop)."


def test_quiet() -> None:
    assert not found("teacher-in-train-mode", Training())
    assert not found("teacher-in-train-mode", taught(in_train=0, modules=[]))


def test_near_miss() -> None:
    # A moving average of the student; one that was asked once; a call or two before it was put in eval mode.
    assert not found("teacher-in-train-mode", taught(changed=True))
    assert not found("teacher-in-train-mode", taught(changed=None))
    assert not found("teacher-in-train-mode", taught(in_train=2))
