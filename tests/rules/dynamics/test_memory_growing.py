"""Tests of the rule `memory-growing`."""

from typing import Any

from rules.build import Training, found
from surefoot.facts import Loader, Memory

STEPS = tuple(range(0, 200, 5))
MEBIBYTE = 1 << 20


def run(*held: float, **data: Any) -> Training:
    """A run whose process holds so many MiB at each fifth step."""
    sizes = tuple(round(MEBIBYTE * size) for size in held)
    return Training().fact(Memory, "process", **{"at_steps": STEPS, "held": sizes, "limit": 1 << 40, **data})


def growing(a_step: float, start: float = 300.0) -> list[float]:
    return [start + a_step * step for step in STEPS]


def test_fires() -> None:
    (finding,) = found("memory-growing", run(*growing(2.0)))
    assert finding.severity == "warning"
    assert finding.evidence["bytes a step"] == 2 * MEBIBYTE
    assert "2.0 MiB a step" in finding.title
    # Little beside what is held, but the memory is full in 4,000 steps.
    near = run(*growing(1.0, 20_000.0), limit=24_000 * MEBIBYTE)
    assert found("memory-growing", near)[0].severity == "warning"


def test_mild() -> None:
    assert found("memory-growing", run(*growing(0.6, 4000.0)))[0].severity == "information"
    first = run(*growing(2.0))
    first.fact(Loader, "train.py:4: for x, y in loader:", iterations=1)
    assert found("memory-growing", first)[0].severity == "information"


def test_quiet() -> None:
    assert not found("memory-growing", Training())
    assert not found("memory-growing", run(*growing(0.0)))
    assert not found("memory-growing", run(*growing(-1.0)))


def test_near_miss() -> None:
    # Filled once, at the beginning or late; a buffer that is full after half of the steps; too little to matter.
    assert not found("memory-growing", run(*[300.0 + min(2.0 * step, 60) for step in STEPS]))
    assert not found("memory-growing", run(*[300.0 + 500 * (step > 150) for step in STEPS]))
    assert not found("memory-growing", run(*[300.0 + min(2.0 * step, 200) for step in STEPS]))
    assert not found("memory-growing", run(*growing(0.1)))
    few = Training().fact(Memory, "process", at_steps=(0, 50, 100), held=(0, 1 << 30, 1 << 31), limit=1 << 40)
    assert not found("memory-growing", few)
