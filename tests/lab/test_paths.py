"""The lab's rules, clipping and schedules against torch's optimizers and surefoot's own, number by number."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

import surefoot as sf
from lab.conftest import plane
from reference.lab_surfaces import SURFACES, Loss, bicubic
from report.chromium import Tab
from surefoot.clipping.history import percentile_history
from surefoot.schedules import cosine, linear, multi_step, warmup

pytestmark = pytest.mark.browser

STEPS = 500
RULES: dict[str, Any] = {
    "gd": lambda p, o: torch.optim.SGD(p, o["rate"], weight_decay=o["decay"]),
    "momentum": lambda p, o: torch.optim.SGD(
        p, o["rate"], o["momentum"], o["dampening"], weight_decay=o["decay"]
    ),
    "nesterov": lambda p, o: torch.optim.SGD(
        p, o["rate"], o["momentum"], weight_decay=o["decay"], nesterov=True
    ),
    "rmsprop": lambda p, o: torch.optim.RMSprop(
        p, o["rate"], o["alpha"], 1e-8, weight_decay=o["decay"], momentum=o["momentum"]
    ),
    "adam": lambda p, o: torch.optim.Adam(
        p, o["rate"], (o["beta1"], o["beta2"]), 1e-8, weight_decay=o["decay"]
    ),
    "adamw": lambda p, o: torch.optim.AdamW(
        p, o["rate"], (o["beta1"], o["beta2"]), 1e-8, weight_decay=o["decay"]
    ),
}
USUAL = {"momentum": 0.9, "dampening": 0.0, "alpha": 0.9, "beta1": 0.9, "beta2": 0.999, "decay": 0.0}
# Where each surface is descended, at a rate that neither diverges nor meets a wall. The adaptive rules go more slowly,
# so that they do not arrive: at a minimum they hop from side to side, which makes any difference of rounding larger.
ADAPTIVE, SLOWLY = ("rmsprop", "adam", "adamw"), 0.001
PLACES: dict[str, tuple[tuple[float, float], float]] = {
    "bowl": ((-3.2, 2.2), 0.02),
    "ravine": ((-3.2, 1.2), 0.002),
    "line": ((-2.4, 2.4), 0.03),
    "rosenbrock": ((-1.1, 1.6), 0.0001),
    "himmelblau": ((-0.3, -0.9), 0.001),
    "beale": ((0.8, 1.0), 0.001),
    "saddle": ((-2.2, 0.1), 0.03),
    "plateau": ((-2.0, 1.0), 0.3),
    "cliff": ((3.0, 0.2), 0.05),
    "noise": ((-2.4, 2.4), 0.02),
    "outliers": ((-2.4, 2.4), 0.005),
    "formula": ((3.5, 0.9), 0.03),
    "plane": ((-1.5, 1.0), 0.02),
}
SCHEDULES = {
    "linear": lambda w: warmup(w, start=1 / (w + 1)) >> linear(STEPS - w),
    "cosine": lambda w: warmup(w, start=1 / (w + 1)) >> cosine(STEPS - w),
    "staircase": lambda w: (
        warmup(w, start=1 / (w + 1)) >> multi_step(((STEPS - w) // 2, 3 * (STEPS - w) // 4))
    ),
}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "decay, cosine, warm-up": {"decay": 0.02, "dampening": 0.3, "schedule": "cosine", "warmup": 10},
    "AutoClip, staircase": {"clip": "autoclip", "percentile": 40, "schedule": "staircase", "warmup": 7},
    "value, linear": {"clip": "value", "value": 0.7, "schedule": "linear", "warmup": 3},
    "norm": {"clip": "norm", "norm": 0.5, "momentum": 0.5, "decay": 0.1},
}


def loss_of(surface: str) -> Loss:
    if surface != "plane":
        return SURFACES[surface]
    record = plane()
    return bicubic(*(torch.tensor(a) for a in (record.x, record.y, record.losses)))


def clipped(gradient: torch.Tensor, settings: dict[str, Any], norms: list[float]) -> torch.Tensor:
    norm = float(gradient.norm())
    norms.append(norm)
    kind = settings.get("clip")
    if kind == "value":
        return gradient.clamp(-settings["value"], settings["value"])
    if kind is None:
        return gradient
    limit = settings["norm"] if kind == "norm" else np.percentile(norms, settings["percentile"])
    return gradient * min(1.0, limit / norm)


def by_torch(surface: str, settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """Path of each rule, shape (STEPS + 1, 2); one backward pass serves them all."""
    start, rate = PLACES[surface]
    options = USUAL | settings
    loss = loss_of(surface)
    places = [torch.tensor(start, dtype=torch.float64, requires_grad=True) for _ in RULES]
    rates = [SLOWLY if rule in ADAPTIVE else rate for rule in RULES]
    optimizers = [
        RULES[rule]([p], options | {"rate": r}) for rule, p, r in zip(RULES, places, rates, strict=True)
    ]
    factor = SCHEDULES[settings["schedule"]](settings["warmup"]) if "schedule" in settings else lambda t: 1.0
    norms: list[list[float]] = [[] for _ in RULES]
    paths = [torch.stack(places).detach().numpy().copy()]
    for t in range(STEPS):
        x, y = torch.stack(places).unbind(1)
        gradients = torch.autograd.grad(loss(x, y, t).sum(), places)
        for place, gradient, optimizer, seen, r in zip(
            places, gradients, optimizers, norms, rates, strict=True
        ):
            place.grad = clipped(gradient, settings, seen)
            optimizer.param_groups[0]["lr"] = r * factor(t)
            optimizer.step()
        paths.append(torch.stack(places).detach().numpy().copy())
    return dict(zip(RULES, np.stack(paths, axis=1), strict=True))


def by_lab(tab: Tab, surface: str, settings: dict[str, Any]) -> dict[str, np.ndarray]:
    start, rate = PLACES[surface]
    text = ",".join(f"{name}:{value}" for name, value in (USUAL | settings).items())
    rates = [SLOWLY if rule in ADAPTIVE else rate for rule in RULES]
    racers = "&".join(f"racer={rule},{text},rate:{r}" for rule, r in zip(RULES, rates, strict=True))
    link = f"surface={surface}&start={start[0]},{start[1]}&steps={STEPS}&{racers}"
    assert tab.run(f"surefootLab.read({json.dumps(link)}, surefootLab.surfaces).refused") == []
    found = tab.run(
        f"surefootLab.paths({json.dumps(link)}).map(p => [p.count, [...p.xs], [...p.ys]])",
    )
    assert [count for count, *_ in found] == [STEPS] * len(RULES)
    return {rule: np.array([x, y]).T for rule, (_, x, y) in zip(RULES, found, strict=True)}


CASES = [(surface, "plain") for surface in PLACES]
CASES += [
    (surface, variant)
    for surface in ("ravine", "himmelblau", "outliers")
    for variant in VARIANTS
    if variant != "plain"
]


@pytest.mark.parametrize(("surface", "variant"), CASES)
def test_paths_are_torchs(tab: Tab, surface: str, variant: str) -> None:
    expected = by_torch(surface, VARIANTS[variant])
    for rule, path in by_lab(tab, surface, VARIANTS[variant]).items():
        moved = np.abs(expected[rule] - expected[rule][0]).max()
        assert moved > 1e-3, rule
        np.testing.assert_allclose(path, expected[rule], rtol=0, atol=1e-6, err_msg=rule)


def test_every_surface_and_rule_is_compared(tab: Tab) -> None:
    assert set(tab.run("[...surefootLab.surfaces.keys()]")) == set(PLACES)
    assert tab.run("[...document.getElementById('rule').options].map(o => o.value)") == list(RULES)


@pytest.mark.parametrize("percentile", [0, 10, 37.5, 50, 99, 100])
def test_the_percentile_is_autoclips_to_the_bit(tab: Tab, percentile: float) -> None:
    norms = np.random.default_rng(3).lognormal(size=400).round(2).tolist()  # with ties
    history = percentile_history(percentile)
    expected = [history.observe(norm) for norm in norms]
    given = tab.run(f"surefootLab.percentiles({percentile}, {json.dumps(norms)})")
    assert given == expected


def test_autoclip_itself_takes_the_same_path(tab: Tab) -> None:
    # In float64, but its norms are measured in float32: equal to that precision.
    start, rate = PLACES["outliers"]
    place = torch.nn.Parameter(torch.tensor(start, dtype=torch.float64))
    optimizer = torch.optim.SGD([place], lr=rate)
    clipper = sf.AutoClip(25).attach(optimizer)
    thresholds, path = [], []
    for t in range(200):
        optimizer.zero_grad()
        SURFACES["outliers"](place[:1], place[1:], t).sum().backward()
        optimizer.step()
        thresholds.append(float(clipper.last.threshold))
        path.append(place.detach().tolist())
    link = f"surface=outliers&start=-2.4,2.4&steps=200&racer=gd,rate:{rate},clip:autoclip,percentile:25"
    xs, ys, limits = tab.run(
        f"surefootLab.paths('{link}').map(p => [[...p.xs], [...p.ys], [...p.thresholds]])[0]"
    )
    np.testing.assert_allclose(np.array([xs, ys]).T[1:], path, atol=1e-5)
    np.testing.assert_allclose(limits, thresholds, rtol=1e-5)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedules_are_surefoots(tab: Tab, schedule: str) -> None:
    expected = SCHEDULES[schedule](20).values(range(STEPS))
    link = f"surface=bowl&steps={STEPS}&racer=gd,rate:1e-3,schedule:{schedule},warmup:20"
    rates = tab.run(f"[...surefootLab.paths('{link}')[0].rates]")
    np.testing.assert_allclose(np.array(rates) / 1e-3, expected, rtol=1e-12, atol=1e-15)
