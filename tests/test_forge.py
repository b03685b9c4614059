"""The forge: its scripts are scripts, its labels and shares are right, and a choice of its cells is named right."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from forge.cells import Cell, bases, cells, number
from forge.faults import FAULTS
from forge.loops import STYLES
from forge.page import page
from forge.running import Alone, Bench, Said
from forge.score import Result, Share, calibration
from forge.subjects import SUBJECTS
from forge.verify import CRASHES, FAULT, HARMLESS, SOUND, label
from surefoot.rules.registry import all_rules

NO_RULE_YET = {
    *(
        "kl-of-probabilities",
        "losses-kept",
        "no-causal-mask",
        "targets-shifted/twice",
        "targets-shifted/zero",
    ),
    *("padding-in-loss", "teacher-trains", "test-is-train/all", "test-is-train/some", "too-simple"),
}
# Wrong by construction, and so plain that no rounding changes what is said.
NAMED = (
    "wine-mlp:closure:adam:constant:2:softmax/in-loss",
    "moons-deep:class:sgd:constant:1:missing-step",
    "friedman-mlp:by-hand:sgd:constant:3:broadcast",
)
QUIET = ("friedman-mlp:function:adam:constant:2", "moons-deep:by-hand:sgd:constant:1")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One forking process, without the libraries that none of the chosen cells needs."""
    bench = Bench(tmp_path_factory.mktemp("forge"), 1, libraries=())
    yield bench
    bench.close()


@pytest.mark.parametrize("name", NAMED)
def test_a_fault_is_the_main_finding(name: str, bench: Bench) -> None:
    cell = Cell.named(name)
    result = Result(cell, FAULT, bench.said(cell))
    assert result.right, result.codes


@pytest.mark.parametrize("name", QUIET)
def test_a_sound_program_is_sound_and_nothing_is_said(name: str, bench: Bench) -> None:
    cell = Cell.named(name)
    result = Result(cell, label(bench, cell, bench.said(cell)), bench.said(cell))
    assert (result.label, result.codes) == (SOUND, [])
    assert result.said.score == bench.alone(cell).score, "observing changed a number"


def test_what_was_run_is_kept(tmp_path: Path, bench: Bench) -> None:
    cell = Cell.named(QUIET[0])
    assert bench.alone(cell) is not None
    kept = next(iter(bench._alone._known.values()))
    again = Bench(tmp_path, 1)
    again._alone.put(kept["key"], {name: value for name, value in kept.items() if name != "key"})
    assert Bench(tmp_path, 1)._alone.get(kept["key"]) == again._alone.get(kept["key"])


def test_scripts_of_every_style_subject_and_fault_are_python() -> None:
    sound = [cell for cell in bases() if cell.text]
    by_style, by_subject = {cell.style: cell for cell in sound}, {cell.subject: cell for cell in sound}
    assert set(by_style) == set(STYLES)
    assert set(by_subject) == set(SUBJECTS)
    said: set[str] = set()
    for cell in {**by_style, **by_subject}.values():
        texts = {name: replace(cell, fault=name).text for name in ("", *FAULTS)}
        for name, text in texts.items():
            if text is not None:
                compile(text, cell.name, "exec")
                assert "$" not in text, cell.name
                said.add(name)
    assert said >= set(FAULTS) - {"accumulation-unscaled"}  # that one is for SGD alone


def test_a_cell_is_made_again_from_its_name() -> None:
    for cell in cells(100):
        assert Cell.named(cell.name) == cell
        assert cell.reported == cell.sound.reported
        assert (cell.text == cell.sound.text) == (not cell.fault), cell.name


def test_faults_are_spread_evenly() -> None:
    counts = Counter(cell.fault for cell in cells(1000) if cell.fault)
    assert set(counts) == set(FAULTS)
    assert max(counts.values()) <= 2 * sorted(counts.values())[len(counts) // 2]


def test_a_number_only_depends_on_the_name() -> None:
    assert number("digits-mlp:plain:sgd:constant:1") == 16933520873523825444


def test_what_is_expected_is_a_rule_or_said_to_have_none() -> None:
    codes = {rule.code for rule in all_rules()}
    ruleless = {name for name, fault in FAULTS.items() if fault.expect and not codes & set(fault.expect)}
    assert ruleless <= NO_RULE_YET


@pytest.mark.parametrize(
    ("share", "low", "high"),
    [(Share(0, 10), 0.0, 0.2775), (Share(9, 10), 0.5958, 0.9821), (Share(0, 0), 0.0, 1.0)],
)
def test_intervals_are_wilsons(share: Share, low: float, high: float) -> None:
    assert share.interval == pytest.approx((low, high), abs=1e-4)


class Scores:
    """Stands for a bench: scores by the name of the fault."""

    def __init__(self, **scores: float | None) -> None:
        self.scores = scores

    def alone(self, cell: Cell) -> object:
        score = self.scores["faulty" if cell.fault else "sound"]
        return Alone(int(score is None), score, "")


@pytest.mark.parametrize(
    ("fault", "faulty", "status", "expected"),
    [
        ("rate-high/30", 0.4, "finished", FAULT),
        ("rate-high/30", float("nan"), "finished", FAULT),
        ("rate-high/30", 0.86, "finished", HARMLESS),
        ("softmax/in-loss", 0.95, "finished", FAULT),
        ("softmax/in-loss", None, "failed", CRASHES),
    ],
)
def test_labels(fault: str, faulty: float | None, status: str, expected: str) -> None:
    cell = Cell.named(f"digits-mlp:plain:sgd:constant:1:{fault}")
    said = Said((), status, 170, 1.0, faulty)
    assert label(Scores(sound=0.95, faulty=faulty), cell, said) == expected  # type: ignore[arg-type]


def test_confidence_is_counted() -> None:
    cell = Cell.named("digits-mlp:plain:sgd:constant:1:softmax/in-loss")
    finding = {"severity": "error", "consequences": [], "confidence": 0.9}
    said = Said(
        ({**finding, "code": "softmax-before-cross-entropy"}, {**finding, "code": "plateau"}),
        "finished",
        1,
        1.0,
        0.5,
    )
    assert calibration([Result(cell, FAULT, said)]) == [("0.90 to 0.95", Share(1, 2))]


def test_the_page_shows_hits_misses_and_alarms() -> None:
    names = ("", "softmax/in-loss", "wrong-sign")
    ok, named, missed = (
        Cell.named(":".join(filter(None, ("digits-mlp:plain:sgd:constant:1", n)))) for n in names
    )
    finding = {
        "severity": "error",
        "consequences": [],
        "confidence": 0.97,
        "code": "softmax-before-cross-entropy",
    }
    said = Said((finding,), "finished", 170, 1.0, 0.9)
    text = page(
        [Result(ok, SOUND, said), Result(named, FAULT, said), Result(missed, FAULT, said)],
        "Three programs.\n",
    )
    assert named.reported, "another seed would not be on the page's tables"
    assert "| softmax | 1 of 1 (100 % [21, 100]) |" in text
    assert f"| `{missed.name}` | loss-sign-flipped | softmax-before-cross-entropy |" in text
    assert f"| `{ok.name}` | softmax-before-cross-entropy |" in text
    assert "| 0.95 to 1.00 | 1 of 3" in text
