"""Tests of the rule `batch-mixing`."""

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().fact(
        "batch-mixing", "Net", mixed=True, change=0.8, operation="ViewBackward0", place="train.py:2"
    )
    assert "80%" in found("batch-mixing", spoiled)[0].title


def test_quiet() -> None:
    assert not found("batch-mixing", Training().fact("batch-mixing", "Net", mixed=False, change=0.0))


def test_near_miss() -> None:
    # Rounding: another kernel for another batch.
    assert not found("batch-mixing", Training().fact("batch-mixing", "Net", mixed=True, change=1e-6))
