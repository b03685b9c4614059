"""Tests of the rule `train-in-eval-mode`."""

from rules.build import Training, found
from surefoot.facts import TrainingMode


def test_fires() -> None:
    spoiled = Training().fact(TrainingMode, in_eval=280, first_in_eval=21, modules=["drop"], switched=True)
    finding = found("train-in-eval-mode", spoiled)[0]
    assert "from step 21 on" in finding.title
    assert finding.evidence["modules"] == ["drop"]


def test_quiet() -> None:
    assert not found("train-in-eval-mode", Training())


def test_near_miss() -> None:
    # Fine-tuning: a part in eval mode, or a frozen one; and a model without dropout or batch norm.
    for data in ({"modules": ["bn"], "partial": True}, {"modules": ["bn"], "frozen": 1.0}, {"modules": []}):
        assert not found("train-in-eval-mode", Training().fact(TrainingMode, in_eval=300, **data))
