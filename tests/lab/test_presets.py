"""What the presets and the tour say is to be seen is to be seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import surefoot
from report.chromium import Tab

pytestmark = pytest.mark.browser

STATIC = Path(surefoot.__file__).parent / "lab" / "static"
PRESETS = {each["name"]: each["settings"] for each in json.loads((STATIC / "presets.json").read_text())}
TOUR = {each["title"]: each["settings"] for each in json.loads((STATIC / "tour.json").read_text())}


@dataclass
class Seen:
    """A racer's path."""

    places: np.ndarray
    losses: np.ndarray
    norms: np.ndarray
    clipped: int
    ended: str | None

    @property
    def strides(self) -> np.ndarray:
        return np.linalg.norm(np.diff(self.places, axis=0), axis=1)

    @property
    def end(self) -> float:
        return float(self.losses[-1])


def seen(tab: Tab, link: str) -> list[Seen]:
    found = tab.run(
        f"""surefootLab.paths({json.dumps(link)}).map(p => [[...p.xs.slice(0, p.count + 1)],
          [...p.ys.slice(0, p.count + 1)], [...p.losses.slice(0, p.count + 1)], [...p.norms.slice(0, p.count)],
          p.clipped, p.ended])"""
    )
    return [
        Seen(np.array([x, y]).T, np.array(loss), np.array(norms), *rest) for x, y, loss, norms, *rest in found
    ]


def rate_too_high(above: Seen, below: Seen, low: Seen) -> None:
    assert (np.diff(above.losses[5:]) > 0).all()  # rises for ever
    assert below.end < 1e-3 < low.end
    assert (np.diff(np.sign(below.places[:20, 1])) != 0).all()  # a zigzag


def rate_too_low(low: Seen, high: Seen) -> None:
    assert (np.diff(low.losses) < 0).all()  # right at every step
    assert low.strides.sum() < 0.25 * np.linalg.norm(low.places[0])  # hardly left
    assert 20 < int(np.argmax(high.losses < 0.01 * high.losses[0])) + 10 < 40


def ravine(gd: Seen, momentum: Seen, adam: Seen) -> None:
    assert momentum.end < 1e-6 * gd.end


def saddle(gd: Seen, momentum: Seen, rmsprop: Seen) -> None:
    left = [int(np.argmax(abs(each.places[:, 1]) > 0.5)) for each in (gd, rmsprop)]
    assert left[0] > 50 > 20 > left[1] > 0
    assert gd.norms[: left[0]].min() < 0.06  # it lingers


def spike(gd: Seen, clipped: Seen) -> None:
    assert gd.strides[20:].max() > 1 > 0.5 > clipped.strides[20:].max()
    assert gd.losses[50:].max() - gd.losses.min() > 5 * (clipped.losses[50:].max() - clipped.losses.min())


def cliff(gd: Seen, clipped: Seen) -> None:
    assert gd.strides.max() > 3
    assert gd.end > 0.08 > 0.01 > clipped.end
    assert gd.norms.max() > 30 * np.median(gd.norms[:40])


def plateau(gd: Seen, momentum: Seen, adam: Seen) -> None:
    assert gd.end > 0.95
    assert adam.end < 1e-3


def noise(constant: Seen, falling: Seen, low: Seen) -> None:
    spread = [each.places[-100:].std(0).sum() for each in (constant, falling, low)]
    assert spread[0] > 2 * spread[1]
    assert spread[0] > 1.5 * spread[2]  # the wider the higher the rate


def too_tight(gd: Seen, clipped: Seen) -> None:
    assert clipped.clipped == 150
    np.testing.assert_allclose(clipped.strides, 0.05 * 0.2)  # every step is cut to one length
    assert clipped.end > 1e6 * gd.end


def decay(light: Seen, heavy: Seen) -> None:
    assert max(light.strides[-1], heavy.strides[-1]) < 1e-6  # at rest
    assert heavy.places[-1, 0] < 0.7 * light.places[-1, 0]  # too flat
    assert heavy.end > 2 * light.end


CLAIMS: dict[str, Callable[..., None]] = {
    "Rate too high": rate_too_high,
    "Rate too low": rate_too_low,
    "Ravine": ravine,
    "Saddle": saddle,
    "Spike": spike,
    "Cliff": cliff,
    "Vanishing plateau": plateau,
    "Noise": noise,
    "Clipped too tight": too_tight,
    "Decay too strong": decay,
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_shows_what_it_says(tab: Tab, name: str) -> None:
    CLAIMS[name](*seen(tab, PRESETS[name]))


def test_on_the_ridge_none_ever_leaves(tab: Tab) -> None:
    for path in seen(tab, PRESETS["Saddle"].replace("start=-2.2,0.001", "start=-2.2,0")):
        assert not path.places[:, 1].any()


def test_turned_the_ravine_is_one_for_adaptive_rules_too(tab: Tab) -> None:
    link = TOUR["Adaptive rules"]
    straight, turned = seen(tab, link), seen(tab, link.replace("angle=0", "angle=45"))
    assert straight[2].end < 1e-3 * straight[0].end
    assert turned[2].end > 30 * straight[2].end


def test_the_schedule_settles_and_the_dial_turns_the_corner(tab: Tab) -> None:
    constant, cosine = seen(tab, TOUR["Schedules"])
    assert constant.places[-50:].std(0).sum() > 3 * cosine.places[-20:].std(0).sum()
    free, clipped = seen(tab, TOUR["Clipping"])
    assert free.strides.max() > 3 > 1 > clipped.strides.max()
    assert clipped.end < 0.5 * free.end
