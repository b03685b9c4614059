"""The rule against histories made by hand: a fault, a healthy loader, and what only looks like the fault."""

from acme_training_rules import acme_last_batch_small

from surefoot.facts import Loader
from surefoot.records import History, Run
from surefoot.rules import Draft, diagnose, get_rule

ITERATED = "train.py:12: for x, y in loader:"


def history(**changed: object) -> History:
    """A run that trained on 1280 examples in batches of 64, but for what is `changed`."""
    data = {"phase": "train", "batch_size": 64, "dataset_size": 1280, "drop_last": False, **changed}
    return History(
        Run(path="runs/a", name="a", script="train.py", steps=200),
        all_facts=(Loader(ITERATED, 200, **data),),
    )


def found(seen: History, **options: float) -> list[Draft]:
    return list(acme_last_batch_small.check(seen, **options))


def test_faulty() -> None:
    (finding,) = found(history(dataset_size=1283))
    assert finding.evidence == {"examples": 1283, "batch size": 64, "last batch": 3}
    assert finding.where == ITERATED


def test_healthy() -> None:
    assert found(history()) == []
    assert found(history(dataset_size=1283, drop_last=True)) == []


def test_near_miss() -> None:
    assert found(history(dataset_size=1283, phase="validation")) == []
    assert found(history(dataset_size=1280 + 16)) == [], "a quarter of a batch is not less than a quarter"
    assert found(history(dataset_size=1280 + 16), share=0.5)


def test_without_its_facts_it_is_not_run() -> None:
    assert list(acme_last_batch_small.findings(History(Run(path="", name="", script="")))) == []


def test_installed() -> None:
    """With the package installed, surefoot finds the rule by itself."""
    assert get_rule("acme-last-batch-small") is acme_last_batch_small
    assert [finding.code for finding in diagnose(history(dataset_size=1283))] == ["acme-last-batch-small"]
