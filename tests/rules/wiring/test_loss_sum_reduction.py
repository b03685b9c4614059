"""Tests of the rule `loss-sum-reduction`."""

import numpy as np

from rules.build import LOSS, Training, falling, flat, found
from surefoot.facts import Cadence, LossCall, ManualLoss


def test_fires() -> None:
    spoiled = Training(flat(160.0)).optimizer("SGD", lr=0.1).loss_call(reduction="sum", batch_size=64)
    finding = found("loss-sum-reduction", spoiled)[0]
    assert finding.severity == "warning"
    assert finding.evidence["rate a mean would see"] == 6.4


def test_a_rate_that_is_unknown_is_not_said() -> None:
    spoiled = Training(flat(160.0)).optimizer("by hand").loss_call(reduction="sum", batch_size=64)
    spoiled.series["lr"] = np.full(300, np.nan)
    finding = found("loss-sum-reduction", spoiled)[0]
    assert not [name for name in finding.evidence if "rate" in name]


def test_quiet() -> None:
    assert not found("loss-sum-reduction", Training())


def test_near_miss() -> None:
    # A variational autoencoder under Adam; a sum that is divided afterwards.
    assert not found("loss-sum-reduction", Training(flat(160.0)).loss_call(reduction="sum"))
    divided = Training().optimizer("SGD").loss_call(reduction="sum")
    divided.fact(Cadence, "optimizer 0", root_over_loss=1 / 32)
    assert not found("loss-sum-reduction", divided)
    # It works: worth knowing, no more.
    well = Training(falling(70.0, 6.0)).optimizer("SGD").loss_call(reduction="sum")
    assert found("loss-sum-reduction", well)[0].severity == "information"


def test_a_sum_of_ones_own() -> None:
    spoiled = Training(flat(160.0)).optimizer("SGD", lr=0.1)
    del spoiled.facts[LossCall, LOSS]
    spoiled.fact(ManualLoss, "train.py:6: l", sum_root=True, place="train.py:6: l")
    finding = found("loss-sum-reduction", spoiled)[0]
    assert finding.where == "train.py:6: l"
    assert finding.evidence["batch size"] == 32
    # Sums written out are usual where the loss falls (episodes, energies).
    spoiled.losses = falling(160.0, 10.0)
    assert not found("loss-sum-reduction", spoiled)
