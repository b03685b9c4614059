"""Tests of the rule `target-out-of-range`."""

from dataclasses import replace

from rules.build import Training, found


def test_fires() -> None:
    spoiled = Training().loss_call(function="binary_cross_entropy", target={"min": -1.0, "max": 1.0})
    assert "from -1 to 1" in found("target-out-of-range", spoiled)[0].title


def test_quiet() -> None:
    assert not found("target-out-of-range", Training())


def test_near_miss() -> None:
    # Smoothed labels, rounding, and the index that is left out of the loss.
    smooth = Training().loss_call(
        function="binary_cross_entropy_with_logits", target={"min": 0.05, "max": 1.0 + 1e-6}
    )
    assert not found("target-out-of-range", smooth)
    ignored = Training().loss_call(target={"min": -100.0, "max": 9.0})
    assert not found("target-out-of-range", ignored)


def test_script_that_dies_of_it() -> None:
    died = Training()
    died.run = replace(died.run, status="failed", error="IndexError: Target 10 is out of bounds.")
    assert found("target-out-of-range", died)[0].evidence["error"].startswith("IndexError")
