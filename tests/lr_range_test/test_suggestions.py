"""What curves of known shape suggest; flat and noisy ones suggest nothing, and say why."""

from __future__ import annotations

import numpy as np
import pytest

from surefoot.facts import SuggestedRate
from surefoot.lr_range_test.records import Curve
from surefoot.lr_range_test.smoothing import Divergence
from surefoot.lr_range_test.suggestions import CURVE_METHODS, suggestions

RATES = np.logspace(-6, 1, 100)


def by_method(losses: np.ndarray, **given: bool) -> dict[str, SuggestedRate]:
    found, _ = suggestions(Curve(RATES[: len(losses)], losses, **given))  # type: ignore[arg-type]
    assert tuple(s.method for s in found) == CURVE_METHODS
    return {s.method: s for s in found}


def quadratic(curvature: float) -> np.ndarray:
    """Losses of gradient descent on curvature / 2 x ** 2, each after the step at its rate, until it is lost."""
    x, losses = 1.0, []
    for rate in RATES:
        x -= rate * curvature * x
        losses.append(0.5 * curvature * x * x)
        if losses[-1] > 10 * losses[0]:
            break
    return np.array(losses)


@pytest.mark.parametrize("curvature", [0.5, 4.0, 100.0])
def test_a_quadratic_is_least_where_it_stops_being_stable(curvature: float) -> None:
    losses = quadratic(curvature)
    low = RATES[int(np.argmin(losses))]
    step = RATES[1] / RATES[0]
    assert 1 / step < low / (2 / curvature) < step  # the last rate at which |1 - rate * curvature| <= 1


def test_the_valley_of_a_known_curve() -> None:
    losses = 2.0 - 1.5 / (1 + np.exp(-4 * np.log10(RATES / 1e-3))) + 30 * (RATES / 3) ** 2
    found = by_method(losses, complete=True)
    assert found["steepest"].rate == pytest.approx(1e-3, rel=0.2)  # the sigmoid's middle
    least = RATES[int(np.argmin(losses))]
    assert found["minimum / 10"].rate == pytest.approx(least / 10, rel=0.35)
    assert found["edge"].rate is not None
    assert least / 3 < found["edge"].rate < 1.0
    for each in found.values():
        assert each.rate is not None
        assert each.low is not None
        assert each.high is not None
        assert each.low <= each.rate <= each.high


def test_noise_widens_what_is_known_of_a_rate() -> None:
    clean = 1.0 + 0.2 * np.log10(RATES / 1e-2) ** 2

    def width(noise: float, seed: int) -> float:
        found = by_method(clean + noise * np.random.default_rng(seed).normal(size=100))["minimum / 10"]
        assert found.low is not None
        assert found.high is not None
        return float(np.log10(found.high / found.low))

    widths = [np.mean([width(noise, seed) for seed in range(20)]) for noise in (0.001, 0.1)]
    assert widths[1] > 1.5 * widths[0]


def test_a_curve_of_noise_suggests_nothing_and_says_why() -> None:
    suggested = 0
    for seed in range(50):
        noise = np.random.default_rng(seed).normal(size=100)
        found = by_method(1.0 + 0.2 * noise)
        if any(s.rate is not None for s in found.values()):
            suggested += 1
        else:
            assert all("noise" in s.said or "flat" in s.said or "only rose" in s.said for s in found.values())
    assert suggested <= 4


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    found = by_method(1.0 + RATES)
    assert all(s.rate is None for s in found.values())
    assert "only rose" in found["steepest"].said


def test_what_is_not_finite_ends_the_curve() -> None:
    losses = quadratic(4.0)
    before = by_method(losses)
    after = by_method(np.array([*losses, np.nan, 0.0]))
    assert before == after
    few = by_method(np.array([1.0] * 12 + [np.inf] * 30))
    assert all(s.rate is None and "after 12 steps" in s.said for s in few.values())


def test_a_loss_that_still_falls_at_the_end_has_no_edge() -> None:
    found = by_method(2.0 - 0.2 * np.log10(RATES / 1e-6))
    assert found["edge"].rate is None
    assert "sweep further" in found["edge"].said
    assert "end of the range" in found["minimum / 10"].said


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.0, -20.0), (1e-6, 0.0)])
def test_a_sweep_ends_when_the_loss_has_left_its_best(scale: float, shift: float) -> None:
    rule = Divergence()
    falling = [shift + scale * (2.0 - 0.01 * step) for step in range(100)]
    assert not any(rule(loss) for loss in falling)
    rising = [shift + scale * 1.5**step for step in range(60)]
    assert any(rule(loss) for loss in rising)
