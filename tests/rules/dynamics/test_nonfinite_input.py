"""Tests of the rule `nonfinite-input`."""

import numpy as np

from rules.build import Training, flat, found
from surefoot.facts import BatchInput, Nonfinite


def test_fires() -> None:
    spoiled = Training(np.concatenate([flat(steps=10), np.full(50, np.nan)]))
    spoiled.fact(BatchInput, "train", nonfinite=0.002, nonfinite_columns=1)
    finding = found("nonfinite-input", spoiled)[0]
    assert finding.evidence["columns"] == 1
    targets = Training(np.full(60, np.nan)).loss_call(target={"nonfinite": 0.1})
    assert "targets" in found("nonfinite-input", targets)[0].title


def test_quiet() -> None:
    assert not found("nonfinite-input", Training())


def test_near_miss() -> None:
    # Missing values that the model fills in by itself: the loss stays finite.
    assert not found("nonfinite-input", Training().fact(BatchInput, "train", nonfinite=0.002))
    # A NaN loss over clean data.
    assert not found("nonfinite-input", Training(np.full(60, np.nan)))


def test_what_began_inside_the_network_is_not_the_data() -> None:
    inside = Training(np.full(60, np.nan)).fact(BatchInput, "train", nonfinite=0.5)
    inside.fact(Nonfinite, at_step=4, what="parameter")
    assert not found("nonfinite-input", inside)
