"""Tests of the rule `scaler-overflow`."""

from rules.build import Training, found
from surefoot.facts import Scaler


def test_fires() -> None:
    spoiled = Training().fact(
        Scaler, scale_first=65536.0, scale_last=0.5, skipped=60, steps=300, enabled=True
    )
    assert "60 of 300" in found("scaler-overflow", spoiled)[0].title


def test_quiet() -> None:
    assert not found("scaler-overflow", Training())


def test_near_miss() -> None:
    # The first skips are how the scale is found; a scaler that is switched off skips nothing.
    usual = Training().fact(
        Scaler, scale_first=65536.0, scale_last=1024.0, skipped=6, steps=300, enabled=True
    )
    assert not found("scaler-overflow", usual)
    assert not found("scaler-overflow", Training().fact(Scaler, skipped=60, steps=300, enabled=False))
